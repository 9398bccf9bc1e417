"""The driver finds frames in any stream, and a real `sh` runs what it is sent."""

import subprocess

import pytest

from shiphorn.errors import ConfigError
from shiphorn.ports import Frame, Script
from shiphorn.remote.driver import FrameParser, bootstrap, request
from shiphorn.remote.quote import assign, quote

NONCE = "3fa9c1"
STREAM = b"Welcome!\n@horn other end 0 0\n\n\n@horn 3fa9c1 fact 5 home\n/a\nb\xff\n\n@horn 3fa9c1 end 0 3\n\n"
FRAMES = [Frame("fact", ("home",), b"/a\nb\xff", 1.0), Frame("end", ("3",), b"", 1.0)]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_frames_are_found_however_the_stream_is_cut(size: int) -> None:
    parser = FrameParser(NONCE)
    frames = [
        frame for at in range(0, len(STREAM), size) for frame in parser.feed(STREAM[at : at + size], 1.0)
    ]
    assert frames == FRAMES
    assert "Welcome!" in parser.noise


@pytest.mark.parametrize("login_shell", ["dash", "bash", "busybox sh"])
def test_a_shell_runs_scripts_in_order_and_skips_what_a_script_left_unread(login_shell: str) -> None:
    leaver = Script("exit 4")
    asker = Script('read -r word; printf \'\\n@horn %s got %s\\n%s\\n\' "$H" "${#word}" "$word"')
    sent = request(NONCE, leaver) + b"left\nover\0, without a line break" + request(NONCE, asker) + b"hello\n"
    done = subprocess.run(
        [*login_shell.split(), "-c", bootstrap(NONCE)], input=sent, capture_output=True, check=True
    )
    frames = FrameParser(NONCE).feed(done.stdout, 0.0)
    assert [(frame.verb, frame.args, frame.data) for frame in frames] == [
        ("end", ("4",), b""),
        ("got", (), b"hello"),
        ("end", ("0",), b""),
    ]


def test_secrets_come_before_the_script_and_are_quoted() -> None:
    assert (
        request(NONCE, Script("true", {"KEY": "it's"})) == b"\n3fa9c1 31\nHORN_SECRET_KEY='it'\"'\"'s'\ntrue"
    )


def test_text_no_shell_can_carry_is_refused() -> None:
    with pytest.raises(ConfigError, match="SH120"):
        quote("a\0b")
    with pytest.raises(ConfigError, match="SH121"):
        assign("a b", "")
