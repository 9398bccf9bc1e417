"""The service that this person is signed in to: its address and their token, in a file of their own."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shiphorn.errors import ConfigError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A service, and a token for it. `login` is who that is, "" when only the service knows."""

    url: str
    token: str
    login: str = ""


def current() -> SignedIn | None:
    """The service that commands go to; None when they work on this machine.

    That is `$HORN_SERVICE` with `$HORN_TOKEN`, else the one signed in to. With a `$HORN_DATABASE`, or an
    empty `$HORN_SERVICE`, it is this machine. Raises ConfigError SH161, SH162, SH163.
    """
    named = os.environ.get("HORN_SERVICE")
    if os.environ.get("HORN_DATABASE") or named == "":
        return None
    kept, token = recall(), os.environ.get("HORN_TOKEN", "")
    if named is None or (kept is not None and kept.url == named.rstrip("/") and not token):
        return kept
    url = address(named)
    if token:
        return SignedIn(url, token)
    raise ConfigError(
        "SH161",
        f"HORN_SERVICE is {url}, and there is no token for it.",
        hint=f"Set HORN_TOKEN, or sign in: horn login {url}",
    )


def address(text: str, *, insecure: bool = False) -> str:
    """The address of a service as a person gave it, without a slash at its end.

    A token is sent to nobody in the clear, but on this machine, or when a person insists.
    Raises ConfigError SH163.
    """
    text = text.strip().rstrip("/")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(
            "SH163", f'"{text}" is no address of a service.', hint="For example https://deploy.example.com"
        )
    if parts.username is not None:
        raise ConfigError(
            "SH163", "the address of a service holds no name and no password.", hint="Sign in with a token."
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not insecure:
        raise ConfigError(
            "SH163",
            f"{text} is not encrypted: whoever is on the way would read the token.",
            hint=f"Use https://, or insist: horn login {text} --insecure",
        )
    return parts.geturl()


def recall() -> SignedIn | None:
    """The service signed in to last; None for none. Raises ConfigError SH162."""
    try:
        values = json.loads(_file().read_text())
        found = values["current"]
        return SignedIn(found["url"], found["token"], found["login"]) if found else None
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "SH162", f"{_file()} is not as shiphorn wrote it.", hint="Delete it, and sign in again."
        ) from error


def keep(service: SignedIn | None) -> Path:
    """Keep a service as the one signed in to, None for none, where nobody else can read it: the file."""
    path = _file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"current": asdict(service) if service else None}, indent=2) + "\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
    return path


def _file() -> Path:
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(settings) / "shiphorn" / "services.json"
