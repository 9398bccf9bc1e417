"""Measured values of deploys, and how Graphite and StatsD are told of them: names, tags and lines. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NODE_CHARACTERS = 100
"""A node of a name is a file or a folder to Graphite, where names of more than 255 bytes are none."""
DATAGRAM_BYTES = 1400
"""What passes a usual network in one piece, with the headers of IP and UDP."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NOT_OF_A_NODE = re.compile(r"[^A-Za-z0-9_-]+")
_NOT_OF_A_TAG = re.compile(r"[^A-Za-z0-9_./-]+")


class Nature(StrEnum):
    """What a value is. Graphite does not tell them apart."""

    COUNT = "c"
    TIMING = "ms"
    GAUGE = "g"


class Tags(StrEnum):
    """How a StatsD takes what a name is narrowed down by, if it does so apart from the name."""

    NONE = "none"
    DOGSTATSD = "dogstatsd"
    INFLUX = "influx"


@dataclass(frozen=True, slots=True)
class Point:
    """A measured value. `what` may hold `{phase}` and such, which are in `labels`; `at` is Unix seconds.

    Times are in the unit that ends `what`: `_ms` or `_seconds`.
    """

    what: str
    value: float
    at: float
    app: str
    environment: str
    nature: Nature = Nature.GAUGE
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark in graphs: a deploy that began, or one that ended. Times are Unix seconds.

    `text` is a sentence, `url` the deploy's page, "" when nobody knows; `ended` is None for one under way.
    """

    deploy_id: int
    text: str
    tags: tuple[str, ...]
    began: float
    ended: float | None = None
    url: str = ""


def node(text: str) -> str:
    """A text as one node of a name: letters of ASCII, digits, dashes and underscores; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return (_NOT_OF_A_NODE.sub("_", plain) or "_")[:NODE_CHARACTERS]


def tag(text: str) -> str:
    """A text as the value of a tag: a node that may hold dots and slashes, too."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return (_NOT_OF_A_TAG.sub("_", plain) or "_")[:NODE_CHARACTERS]


def name_of(point: Point, template: str) -> str:
    """The name of a value, by a template such as `shiphorn.{app}.{environment}.{what}`."""
    what = _filled(point.what, point.labels)
    places = {"app": node(point.app), "environment": node(point.environment), "what": what}
    return _PLACEHOLDER.sub(lambda match: places.get(match[1], match[0]), template)


def graphite_lines(points: Iterable[Point], template: str) -> list[str]:
    """Lines as carbon takes them: name, value, Unix seconds.

    It keeps one value a name and second: counts of the same second are added up, else the last is kept.
    """
    values: dict[tuple[str, int], float] = {}
    for point in points:
        key = (name_of(point, template), int(point.at))
        added = values.get(key, 0.0) if point.nature == Nature.COUNT else 0.0
        values[key] = point.value + added
    return [f"{name} {_number(value)} {at}\n" for (name, at), value in values.items()]


def statsd_lines(points: Iterable[Point], template: str, tags: Tags) -> list[str]:
    """Lines as StatsD takes them, with tags as DogStatsD or Telegraf has them."""
    return [_statsd_line(point, template, tags) for point in points]


def datagrams(lines: Iterable[str]) -> list[bytes]:
    """Lines in as few datagrams as will do, a line never being cut in two."""
    found: list[bytes] = []
    for line in lines:
        data = line.encode()
        if found and len(found[-1]) + len(data) <= DATAGRAM_BYTES:
            found[-1] += data
        else:
            found.append(data)
    return found


def _statsd_line(point: Point, template: str, tags: Tags) -> str:
    value = f"{_number(point.value)}|{point.nature}"
    if tags == Tags.NONE:
        return f"{name_of(point, template)}:{value}\n"
    labels = {"app": point.app, "environment": point.environment, **point.labels}
    bare = ".".join(part for part in point.what.split(".") if not _PLACEHOLDER.fullmatch(part))
    name = name_of(Point(bare, 0, 0, point.app, point.environment), template)
    if tags == Tags.INFLUX:
        return f"{name},{','.join(f'{key}={tag(text)}' for key, text in labels.items())}:{value}\n"
    # Datadog's names have no dashes.
    name = name.replace("-", "_")
    return f"{name}:{value}|#{','.join(f'{key}:{tag(text)}' for key, text in labels.items())}\n"


def _filled(what: str, labels: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: node(labels[match[1]]), what)


def _number(value: float) -> str:
    """A number without an exponent, which not every StatsD can read, to a millionth."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
