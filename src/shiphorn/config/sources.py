"""Sources of metrics: where checks of `watch` ask, and how they sign in there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from shiphorn.config.near import near
from shiphorn.config.positions import Key
from shiphorn.config.secret_refs import Secret, lacking
from shiphorn.config.values import Name, Text
from shiphorn.errors import ConfigError
from shiphorn.model.health import METRICS, Check
from shiphorn.model.settings import SecretRef


def is_url(text: str) -> bool:
    """Whether it is the URL of a source, and not the name of one."""
    return "://" in text


def _base(text: str) -> str:
    match = re.fullmatch(r"https?://([^/?#\s]+)(/[^?#\s]*)?", text)
    if match is None:
        raise ValueError("it has to be a URL such as https://metrics.example.com, without ? and #")
    if "@" in match[1]:
        raise ValueError("who signs in does not belong into a URL: it has `user` and `password` for that")
    return text.rstrip("/")


def _source(text: str) -> str:
    return _base(text) if is_url(text) else text


BaseUrl = Annotated[Text, AfterValidator(_base)]
SourceName = Annotated[Text, AfterValidator(_source)]


@dataclass(frozen=True, slots=True)
class Source:
    """A source of metrics as configured. `ca` is a path, "" for the certificates that this machine trusts."""

    kind: str
    url: str
    token: SecretRef | None = None
    user: str = ""
    password: SecretRef | None = None
    headers: tuple[tuple[str, str], ...] = ()
    ca: str = ""


class SourceEntry(BaseModel):
    """Where metrics are asked for: Graphite or Prometheus, or what speaks as they do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    graphite: BaseUrl | None = Field(None, description="URL of graphite-web, or of what has its render API.")
    prometheus: BaseUrl | None = Field(
        None, description="URL of Prometheus, or of what has its HTTP API (`/api/v1/query_range` below it)."
    )
    token: Secret | None = Field(None, description="`{secret: NAME}`: a bearer token.")
    user: Text = Field("", description="Login name, with `password`.")
    password: Secret | None = Field(None, description="`{secret: NAME}`.")
    headers: dict[Name, Text] = Field(
        {}, description="Further headers of requests, none of them secret, such as `X-Scope-OrgID`."
    )
    ca: Text = Field("", description="A file with the certificate that its certificate has to be signed by.")

    @model_validator(mode="after")
    def _one(self) -> SourceEntry:
        if (self.graphite is None) == (self.prometheus is None):
            raise ValueError("it needs exactly one of graphite and prometheus")
        if bool(self.user) != (self.password is not None):
            raise ValueError("user and password go together")
        if self.user and self.token is not None:
            raise ValueError("it signs in by a token, or by user and password")
        if ":" in self.user:
            raise ValueError("a user may not hold a colon")
        return self

    @property
    def kind(self) -> str:
        """Which of the two it is."""
        return "graphite" if self.graphite is not None else "prometheus"

    def source(self, directory: Path) -> Source:
        """As it is asked; its file is relative to the directory."""
        ca = str(directory / Path(self.ca).expanduser()) if self.ca else ""
        url = self.graphite or self.prometheus or ""
        headers = tuple(self.headers.items())
        return Source(self.kind, url, self.token, self.user, self.password, headers, ca)


def source_of(check: Check, sources: Mapping[str, Source]) -> Source:
    """Where a check asks. Raises ConfigError SH192."""
    wanted = check.metric.source if check.metric else ""
    if is_url(wanted):
        return Source(check.kind, wanted)
    fitting = [name for name, one in sources.items() if one.kind == check.kind and wanted in ("", name)]
    if len(fitting) == 1:
        return sources[fitting[0]]
    problem = _problem(check.kind, wanted, {name: one.kind for name, one in sources.items()})
    raise ConfigError("SH192", f"{check.name}: {problem}.", hint="Say where under `sources`.")


def problems(data: Mapping[str, Any]) -> list[tuple[Key, str]]:
    """What is wrong with sources, and with checks that name them: (key, what) pairs."""
    entries = data.get("sources")
    entries = entries if isinstance(entries, dict) else {}
    kinds = {
        name: next((kind for kind in METRICS if entry.get(kind)), "")
        for name, entry in entries.items()
        if isinstance(entry, dict)
    }
    found = lacking(data, "sources")
    for place, check in _checks(data, ()):
        kind = next((kind for kind in METRICS if kind in check), None)
        wanted = check.get("source", "")
        if kind is None or not isinstance(wanted, str) or is_url(wanted):
            continue
        problem = _problem(kind, wanted, kinds)
        if problem:
            found.append(((*place, "source") if wanted else (*place, str(kind)), problem))
    return found


def _problem(kind: str, wanted: str, kinds: Mapping[str, str]) -> str:
    """Why a source cannot be told, "" if it can."""
    fitting = [name for name, one in kinds.items() if one == kind]
    if wanted:
        if wanted in fitting:
            return ""
        if wanted in kinds:
            return f"the source {wanted} is not a {kind} one"
        meant = near(wanted, list(kinds))
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(kinds) or 'none'}"
        return f"there is no source {wanted} under sources; {hint}"
    if len(fitting) == 1:
        return ""
    if not fitting:
        return f"there is no {kind} source; define one under sources, or write its URL as `source`"
    return f"it has to name its `source`: there are {', '.join(fitting)}"


def _checks(data: Any, place: Key) -> list[tuple[Key, dict[str, Any]]]:
    """Every check of every `watch`, wherever it stands."""
    if isinstance(data, list):
        return [one for at, part in enumerate(data) for one in _checks(part, (*place, at))]
    if not isinstance(data, dict):
        return []
    found = []
    for key, value in data.items():
        if key == "watch" and isinstance(value, list):
            found += [((*place, key, at), one) for at, one in enumerate(value) if isinstance(one, dict)]
        elif key in ("environments", "regions", "hosts", "roles") or place:
            found += _checks(value, (*place, key))
    return found
