"""The keys of `metrics` in shiphorn.yml: where measured values and annotations of deploys go."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from shiphorn.config.secret_refs import Secret
from shiphorn.config.strict import Strict
from shiphorn.config.values import Duration, Text, is_web

PLACEHOLDERS = ("app", "environment", "what")


def _address(text: str) -> str:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError("it has to be a host and a port, such as graphite.example.com:2003")
    return text


def _web_address(text: str) -> str:
    if not is_web(text) or any(sign <= " " or sign == "\x7f" for sign in text):
        raise ValueError("it has to be a URL that begins with https:// or http://")
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise ValueError("a password does not belong here; name it as a secret")
    return text


def _names(text: str) -> str:
    for placeholder in re.findall(r"\{(.*?)\}", text):
        if placeholder not in PLACEHOLDERS:
            raise ValueError(
                f"there is no placeholder {{{placeholder}}}; there are {', '.join(PLACEHOLDERS)}"
            )
    if "{what}" not in text:
        raise ValueError("it has to hold {what}: all values would have one name")
    bare = re.sub(r"\{\w+\}", "x", text)
    if re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", bare) is None:
        raise ValueError(
            "it may hold letters, digits, dashes, underscores, placeholders, and dots in between"
        )
    return text


def _whole_names(text: str) -> str:
    """Names of which each is of one environment."""
    _names(text)
    lacking = [one for one in ("{app}", "{environment}") if one not in text]
    if lacking:
        raise ValueError(f"it has to hold {lacking[0]}: values of several would have one name")
    return text


Address = Annotated[str, AfterValidator(_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class GraphiteEntry(Strict):
    """A Graphite: carbon for values, graphite-web for events."""

    address: Address | None = Field(
        None, description="Where carbon takes plaintext lines: `graphite.example.com:2003`."
    )
    protocol: Literal["tcp", "udp"] = Field("tcp", description="tcp, which notices what is lost, or udp.")
    names: Annotated[str, AfterValidator(_whole_names)] = Field(
        "shiphorn.{app}.{environment}.{what}", description="How values are named."
    )
    events: WebAddress | None = Field(
        None, description="The events API of graphite-web: `https://graphite.example.com/events/`."
    )
    authorization: Secret | None = Field(
        None, description="What is sent as the header Authorization to the events API: `{secret: NAME}`."
    )

    @model_validator(mode="after")
    def _some(self) -> GraphiteEntry:
        if self.address is None and self.events is None:
            raise ValueError("it has to have an address or events")
        return self


class StatsdEntry(Strict):
    """A StatsD, which takes datagrams."""

    address: Address = Field(description="Where it listens: `127.0.0.1:8125`.")
    names: Annotated[str, AfterValidator(_names)] = Field(
        "",
        description="How values are named: as for Graphite, or `shiphorn.{what}` with tags, if left out.",
    )
    tags: Literal["none", "dogstatsd", "influx"] = Field(
        "none",
        description="App, environment, region and phase as tags: of DogStatsD, or of Telegraf (influx).",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "names" not in data:
            places = "{app}.{environment}." if data.get("tags", "none") == "none" else ""
            return data | {"names": f"shiphorn.{places}{{what}}"}
        return data

    @model_validator(mode="after")
    def _whole(self) -> StatsdEntry:
        if self.tags == "none":
            _whole_names(self.names)
        return self


class GrafanaEntry(Strict):
    """A Grafana, which shows deploys as annotations."""

    url: WebAddress = Field(description="Where it is: `https://grafana.example.com`.")
    token: Secret = Field(description="A service account's token: `{secret: NAME}`.")
    dashboard: Text = Field(
        "", description="The uid of the dashboard that they are on; all of them if left out."
    )


class MetricsEntry(Strict):
    """Where measured values of deploys go."""

    graphite: GraphiteEntry | None = Field(None, description="To Graphite.")
    statsd: StatsdEntry | None = Field(None, description="To StatsD.")
    grafana: GrafanaEntry | None = Field(None, description="Annotations to Grafana.")
    every: Duration = Field(
        60.0, ge=10, description="How often totals, hosts and the DORA figures are sent as they stand."
    )
