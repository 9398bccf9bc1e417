"""Whom to trust: known_hosts, and the key that a host offers for a person to accept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import asyncssh

from shiphorn.errors import ConnectError


@dataclass(frozen=True, slots=True)
class OfferedKey:
    """A host key as the host shows it. `line` is what known_hosts would hold."""

    line: str
    algorithm: str
    fingerprint: str


def known_hosts_files(configured: tuple[str, ...]) -> tuple[Path, ...]:
    """The files to look a host up in: those of the config, else ssh's own."""
    if configured:
        return tuple(Path(path).expanduser() for path in configured)
    user, system = Path("~/.ssh").expanduser(), Path("/etc/ssh")
    return (
        user / "known_hosts",
        user / "known_hosts2",
        system / "ssh_known_hosts",
        system / "ssh_known_hosts2",
    )


def known_hosts(files: tuple[Path, ...]) -> asyncssh.SSHKnownHosts:
    """The hosts that files vouch for; parsed once for each state of the files.

    With 9,000 lines a parse takes 96 ms, which asyncssh would spend at every connection. A file that
    is not there vouches for nobody. Raises ConnectError SH308.
    """
    stamps = tuple((path, path.stat().st_mtime_ns) for path in files if path.is_file())
    return _parse(stamps)


@lru_cache(maxsize=8)
def _parse(stamps: tuple[tuple[Path, int], ...]) -> asyncssh.SSHKnownHosts:
    names = ", ".join(str(path) for path, _ in stamps)
    try:
        return asyncssh.import_known_hosts("\n".join(path.read_text() for path, _ in stamps))
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise ConnectError(
            "SH308", f"{names} cannot be read: {error}.", hint="Mend the line that it names."
        ) from error


def offered(name: str, port: int, key: asyncssh.SSHKey) -> OfferedKey:
    """A key as known_hosts would hold it for a host dialled by this name and port."""
    shown = name if port == 22 else f"[{name}]:{port}"
    public = key.export_public_key("openssh").decode().split()[:2]
    return OfferedKey(f"{shown} {' '.join(public)}", key.get_algorithm(), key.get_fingerprint("sha256"))


def trust(path: Path, key: OfferedKey) -> bool:
    """Add a key to a known_hosts file. False if it is there already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
    text = path.read_text()
    if key.line in text.splitlines():
        return False
    gap = "" if not text or text.endswith("\n") else "\n"
    with path.open("a") as file:
        file.write(f"{gap}{key.line}\n")
    return True
