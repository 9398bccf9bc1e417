"""What a value of deploy.yml may be: names, paths, times, amounts, and what is said of one that is not."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from shiphorn.config.near import near
from shiphorn.model import freezes
from shiphorn.model.settings import SecretRef

PLACEHOLDERS = ("app", "environment", "region", "zone", "host")
WATCH_PLACEHOLDERS = (*PLACEHOLDERS, "address")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENVIRONMENT = re.compile(rf"{_NAME.pattern}(~[a-z0-9-]+)?")
_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} may hold letters, digits, dots, dashes and underscores only")
    return text


def _environment(text: str) -> str:
    """A name; or that of an endpoint's environment, which only shiphorn writes."""
    return text if _ENVIRONMENT.fullmatch(text) else _name(text)


def _app(text: str) -> str:
    if _APP.fullmatch(text) is None:
        raise ValueError(f"{text!r} may hold letters, digits, dots, dashes, underscores and slashes only")
    return text


def _variable(text: str) -> str:
    if _VARIABLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no name for a variable")
    return text


def _plain_text(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("it may not hold control characters or line breaks")
    return text


def _filled(text: str, known: tuple[str, ...] = PLACEHOLDERS) -> str:
    for match in PLACEHOLDER.finditer(text):
        if match[2] and match[2] not in known:
            raise ValueError(
                f"there is no placeholder {{{match[2]}}}; there are {', '.join(known)} "
                f"(write {{{{{match[2]}}}}} to mean it literally)"
            )
    return text


def _watched(text: str) -> str:
    return _filled(_plain_text(text), WATCH_PLACEHOLDERS)


def _url(text: str) -> str:
    if re.match(r"https?://[^/\s]+", text) is None or " " in text:
        raise ValueError("it has to be a URL such as http://{address}:8080/health")
    return text


def _endpoint(text: str) -> str:
    if re.fullmatch(r".+:(\d{1,5}|\{\w+\})", text) is None:
        raise ValueError('it has to be an address and a port, such as "{address}:5432"')
    return text


def _unit(text: str) -> str:
    if text.startswith("-") or " " in text:
        raise ValueError("it has to be the name of a systemd unit, such as sample.service")
    return text


def _pid_file(text: str) -> str:
    if ".." in text.split("/"):
        raise ValueError("it has to be a path in deploy_to, an absolute one, or one below ~/, without ..")
    return text


def _status(value: Any) -> str:
    text = str(value)
    if re.fullmatch(r"[1-5](\d\d|xx)", text) is None or isinstance(value, bool):
        raise ValueError("it has to be a status such as 200, or a class of them such as 2xx")
    return text


def _freeze_time(text: str) -> str:
    freezes.read(text)
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        meant = near(text, sorted(available_timezones()))
        hint = f"did you mean {meant}?" if meant else "there are UTC, Europe/London, America/New_York ..."
        raise ValueError(f"there is no time zone {text!r}; {hint}") from None
    return text


def _deploy_to(text: str) -> str:
    _plain_text(text)
    parts = text.split("/")
    if not text.startswith(("/", "~/")) or ".." in parts or text.rstrip("/") in ("", "~"):
        raise ValueError("it has to be an absolute path, or one below ~/, without ..")
    return text.rstrip("/")


def _inner_path(text: str) -> str:
    """A path in the release, normalised."""
    _plain_text(text)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not parts:
        raise ValueError("it has to be a path inside the release, without ..")
    return "/".join(parts)


def _duration(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("it has to be a time such as 90, 30s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def env_value(value: Any, known: tuple[str, ...] = PLACEHOLDERS) -> str | SecretRef:
    """A value of `env`, in which `known` placeholders may stand."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            if "\0" in value:
                raise ValueError("it may not hold a NUL character")
            return _filled(value, known)
        case {"secret": str(name), **rest} if not rest:
            return SecretRef(name)
        case _:
            raise ValueError("it has to be a text, or {secret: NAME}")


def _amount(value: Any) -> str:
    text = str(value)
    share = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%", text)
    if (share and float(share[1]) <= 100) or (text.isdigit() and not isinstance(value, bool)):
        return text
    raise ValueError("it has to be a share such as 95%, or a number of hosts")


def _some(text: str) -> str:
    if float(text.rstrip("%")) == 0:
        raise ValueError("it has to be more than 0")
    return text


def _growing(sizes: list[str]) -> list[str]:
    for before, after in pairwise(sizes):
        alike = before.endswith("%") == after.endswith("%")
        if alike and float(after.rstrip("%")) <= float(before.rstrip("%")):
            raise ValueError(
                f"{after} after {before}: each says how many hosts have the release by then, so they grow"
            )
    return sizes


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _service_url(value: Any) -> str | SecretRef:
    match value:
        case str() if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/]", value):
            return _plain_text(value)
        case {"secret": str(name), **rest} if not rest:
            return SecretRef(name)
        case _:
            # What stands there may be secret, so that it is not repeated.
            raise ValueError("it has to be a URL such as slack://..., or {secret: NAME}")


def is_web(text: str) -> bool:
    """Whether it is a URL of HTTP or HTTPS, with a host and a port that there may be."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _glob(text: str) -> str:
    if not text.strip():
        raise ValueError("it may not be empty; * is for all")
    return _plain_text(text)


def _clock(text: str) -> str:
    if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is None:
        raise ValueError("it has to be a time of the day such as 22:00")
    return text


def _repository(text: str) -> str:
    _plain_text(text)
    if text.startswith("-") or "::" in text or not text:
        raise ValueError("it has to be a path or a git URL")
    return text


def _unique(paths: list[str]) -> list[str]:
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"{path} is listed twice")
        above = next((other for other in paths if path.startswith(f"{other}/")), None)
        if above:
            raise ValueError(f"{path} lies in {above}, which is shared already")
    return paths


Name = Annotated[str, AfterValidator(_name)]
EnvironmentName = Annotated[str, AfterValidator(_environment)]
Variable = Annotated[str, AfterValidator(_variable)]
InnerPath = Annotated[str, AfterValidator(_inner_path)]
Text = Annotated[str, AfterValidator(_plain_text)]
Files = Annotated[
    list[Text],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Duration = Annotated[
    float, BeforeValidator(_duration), Field(gt=0), WithJsonSchema({"type": ["number", "string"]})
]
Amount = Annotated[str, BeforeValidator(_amount), WithJsonSchema({"type": ["string", "integer"]})]
Sizes = Annotated[list[Annotated[Amount, AfterValidator(_some)]], AfterValidator(_growing)]
Patience = Annotated[
    float, BeforeValidator(_duration), Field(ge=0), WithJsonSchema({"type": ["number", "string"]})
]
EnvValue = Annotated[
    Any,
    AfterValidator(env_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "object", "properties": {"secret": {"type": "string"}}, "required": ["secret"]},
            ]
        }
    ),
]
AppName = Annotated[str, AfterValidator(_app)]
Repository = Annotated[str, AfterValidator(_repository)]
DeployTo = Annotated[str, AfterValidator(_deploy_to), AfterValidator(_filled)]
InnerPaths = Annotated[list[InnerPath], AfterValidator(_unique)]
Some = Annotated[Amount, AfterValidator(_some)]
Watched = Annotated[Text, AfterValidator(_watched)]
Url = Annotated[Watched, AfterValidator(_url)]
Endpoint = Annotated[Watched, AfterValidator(_endpoint)]
Unit = Annotated[Watched, AfterValidator(_unit)]
FreezeTime = Annotated[str, AfterValidator(_freeze_time)]
Zone = Annotated[str, AfterValidator(_zone)]
PidFile = Annotated[Watched, AfterValidator(_pid_file)]
Status = Annotated[str, BeforeValidator(_status), WithJsonSchema({"type": ["string", "integer"]})]
ServiceUrl = Annotated[
    Any,
    AfterValidator(_service_url),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "object", "properties": {"secret": {"type": "string"}}, "required": ["secret"]},
            ]
        }
    ),
]
Glob = Annotated[str, AfterValidator(_glob)]
Clock = Annotated[str, AfterValidator(_clock)]
