r"""The protocol between the deployer and the one long-lived `sh` on a host.

To the host: `\nNONCE COUNT\n` and COUNT bytes of script; whatever the script itself reads (an
artifact, a go) follows. The shell evaluates each script in a subshell and answers in frames:

    \n@horn NONCE VERB COUNT ARG...\n  COUNT bytes  \n

The `end` frame closes a script and carries its exit status. Anything else on stdout is noise (a
message of the day, a shell's start-up file) and dropped. The host skips lines that do not start
with the nonce, so it finds its place again after a script that left bytes unread.
"""

from __future__ import annotations

from shiphorn.ports import Frame, Script
from shiphorn.remote.quote import assign

NOISE_KEPT_BYTES = 8192

# One line without `!`: csh and fish as login shells pass it on unharmed. `dd iflag=fullblock` reads
# exactly COUNT bytes, where busybox's `head -c` would read ahead and swallow what follows.
_LOOP = (
    "H={nonce}; export LC_ALL=C; while IFS= read -r l; do case $l in "
    '"$H "*) ( eval "$(dd bs="${{l#* }}" count=1 iflag=fullblock 2>/dev/null)" ); '
    'printf "\\n@horn %s end 0 %s\\n\\n" "$H" "$?";; esac; done'
)


def bootstrap(nonce: str) -> str:
    """The command that starts the shell on a host: safe for any login shell. `nonce` is hex."""
    return f"exec /bin/sh -c '{_LOOP.format(nonce=nonce)}'"


def request(nonce: str, script: Script) -> bytes:
    """The bytes that have a host run a script.

    It begins with a line break of its own: what a script left unread may not end with one.
    Its secrets go first, as shell variables `HORN_SECRET_<NAME>` that are not exported: only what
    the script hands on reaches a command.
    """
    secrets = "".join(assign(f"HORN_SECRET_{name}", value) for name, value in script.secrets.items())
    body = (secrets + script.text).encode()
    return f"\n{nonce} {len(body)}\n".encode() + body


class FrameParser:
    """Finds the frames in a host's output, however it is cut into chunks."""

    def __init__(self, nonce: str) -> None:
        self._mark = f"\n@horn {nonce} ".encode()
        self._buffer = bytearray()
        self._noise = bytearray()

    @property
    def noise(self) -> str:
        """The last 8 KiB of output that was not ours: why a login failed often stands here."""
        return (self._noise + self._buffer)[-NOISE_KEPT_BYTES:].decode(errors="replace")

    def feed(self, data: bytes, at: float) -> list[Frame]:
        """The frames completed by `data`, which arrived at Unix time `at` (seconds)."""
        self._buffer += data
        frames = []
        while (frame := self._next(at)) is not None:
            frames.append(frame)
        return frames

    def _next(self, at: float) -> Frame | None:
        start = self._buffer.find(self._mark)
        if start < 0:
            self._drop(len(self._buffer) - len(self._mark) + 1)
            return None
        self._drop(start)
        head_end = self._buffer.find(b"\n", len(self._mark))
        if head_end < 0:
            return None
        verb, count, *args = self._buffer[len(self._mark) : head_end].decode(errors="replace").split(" ")
        end = head_end + 1 + int(count)
        if len(self._buffer) <= end:
            return None
        data = bytes(self._buffer[head_end + 1 : end])
        del self._buffer[: end + 1]
        return Frame(verb, tuple(args), data, at)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._noise += self._buffer[:count]
            del self._noise[:-NOISE_KEPT_BYTES]
            del self._buffer[:count]
