"""A unified diff as pages show it."""

from __future__ import annotations

from shiphorn.model.graph import Diff, FileChange
from shiphorn.web.diff import LINES_SHOWN, Line, files

TEXT = """\
diff --git a/one.py b/one.py
index 1..2 100644
--- a/one.py
+++ b/one.py
@@ -1,2 +1,2 @@ def one
 kept
-gone
+come
\\ No newline at end of file
diff --git a/logo.png b/logo.png
Binary files a/logo.png and b/logo.png differ
"""


def test_lines_are_told_apart_and_heads_of_files_are_left_out() -> None:
    found = files(Diff(TEXT, [FileChange("one.py", 1, 1), FileChange("logo.png", 0, 0, binary=True)]))
    assert found[0].lines == [
        Line("place", "@@ -1,2 +1,2 @@ def one"),
        Line("stayed", "kept"),
        Line("went", "gone"),
        Line("came", "come"),
        Line("word", "\\ No newline at end of file"),
    ]
    assert found[1].lines == []
    assert [file.is_open for file in found] == [True, True]


def test_a_file_that_the_diff_ended_before_has_no_lines() -> None:
    found = files(Diff(TEXT, [FileChange("one.py", 1, 1)] * 3, truncated=True))
    assert found[2].lines is None


def test_of_a_long_file_the_beginning_is_shown_and_files_are_folded() -> None:
    text = "diff --git a/x b/x\n@@ -0,0 +1,999 @@\n" + "+line\n" * 999
    file = files(Diff(text, [FileChange("x", 999, 0)]))[0]
    assert file.lines is not None
    assert (len(file.lines), file.hidden, file.is_open) == (LINES_SHOWN, 600, False)
