"""`endpoints` of an environment: branches that get an environment and a URL of their own on its hosts.

What an endpoint's environment is, is derived from that of the environment: the same hosts and settings,
another directory, more variables, its own checks. The derived one is written as one more environment of
the file, `staging~feature-x`, so that all that knows of environments knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from shiphorn.config.strict import Strict
from shiphorn.config.values import PLACEHOLDER, PLACEHOLDERS, Name, Text, Variable, env_value
from shiphorn.errors import ConfigError
from shiphorn.model.endpoints import LONGEST_LABEL, LONGEST_NAME, Endpoint
from shiphorn.model.settings import Command
from shiphorn.model.target import Selection
from shiphorn.model.times import seconds_of
from shiphorn.remote import vhost
from shiphorn.remote.vhost import BASE, HOST_NAME, PLAIN_PATH, SUFFIX, Answering, Vhost

SHORTEST_NAME = 13
_OWN = ("endpoint", "name", "branch", "url", "port")
"""Placeholders that an endpoint has besides those of every host; `{name}` and `{endpoint}` are the same."""
_KNOWN = (*PLACEHOLDERS, *_OWN)
SAMPLE = {"endpoint": "x", "name": "x", "branch": "x", "url": "http://x.example.com", "port": "21000"}
"""What stands for the placeholders of endpoints while a file is read."""
_TEMPLATE = ("host", "root", "base", "url", "port", "name", "endpoint", "app")
_DEFAULTS = {
    "nginx": ("/etc/nginx/shiphorn.d", "sudo -n nginx -t", "sudo -n systemctl reload nginx"),
    "caddy": (
        "/etc/caddy/shiphorn.d",
        "sudo -n caddy validate --adapter caddyfile --config /etc/caddy/Caddyfile",
        "sudo -n systemctl reload caddy",
    ),
}
_ADDRESS = re.compile(r"unix:(/|\{base\}/)[A-Za-z0-9._/{}@-]+|[A-Za-z0-9.\[\]:-]+:(\d{1,5}|\{port\})")
_LISTEN = re.compile(r"([A-Za-z0-9.\[\]:*-]+:)?\d{1,5}( (ssl|http2|default_server))*")
_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")
_HIGHEST_PORT = 65535


def _span(value: Any) -> float:
    found = seconds_of(value) if isinstance(value, str) else None
    if found is None or found < 60:
        raise ValueError("it has to be a time such as 12h, 3d or 2w, of a minute at least")
    return found


def _url(text: str) -> str:
    if re.fullmatch(r"https?://[A-Za-z0-9.{}-]+(:\d{1,5})?/?", text) is None:
        raise ValueError('it has to be a URL of a host alone, such as "https://{name}.staging.example.com"')
    _known(text, ("name", "endpoint", "app", "environment"))
    if "{name}" not in text and "{endpoint}" not in text:
        raise ValueError('it has to hold {name}, as in "https://{name}.staging.example.com"')
    return text.rstrip("/")


def _deploy_to(text: str) -> str:
    parts = text.split("/")
    if not text.startswith(("/", "~/")) or ".." in parts or "." in parts:
        raise ValueError("it has to be an absolute path, or one below ~/, without . and ..")
    _known(text, (*PLACEHOLDERS, "name", "endpoint"))
    named = any(one in parts[-1] for one in ("{name}", "{endpoint}"))
    if not named or len(list(filter(None, parts))) < 2:
        raise ValueError('its last part has to hold {name}, below another one: "/srv/{app}-endpoints/{name}"')
    return _plain_path(text)


def _known(text: str, known: tuple[str, ...]) -> str:
    for match in PLACEHOLDER.finditer(text):
        if match[2] and match[2] not in known:
            raise ValueError(f"there is no placeholder {{{match[2]}}}; there are {', '.join(known)}")
    return text


def _plain_path(text: str) -> str:
    if PLAIN_PATH.fullmatch(PLACEHOLDER.sub("", text)) is None:
        raise ValueError("it may hold letters, digits and . _ / @ % + = : , ~ - only")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/") or ".." in text.split("/") or text.rstrip("/") == "":
        raise ValueError("it has to be an absolute path, without ..")
    return _plain_path(text.rstrip("/"))


def _root(text: str) -> str:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts:
        raise ValueError("it has to be a path inside the release, without ..")
    return _plain_path("/".join(parts))


def _matching(pattern: re.Pattern[str], example: str, text: str) -> str:
    if text and pattern.fullmatch(text) is None:
        raise ValueError(f"it has to be one such as {example}")
    return text


def _ports(value: Any) -> tuple[int, int]:
    match = _PORTS.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) <= int(match[2]) <= _HIGHEST_PORT:
        raise ValueError('it has to be a range such as "21000-21099"')
    return int(match[1]), int(match[2])


def _listen(value: Any) -> Any:
    listed = value if isinstance(value, list) else [value]
    return [_matching(_LISTEN, '80, "443 ssl" or "127.0.0.1:8080"', str(one)) for one in listed]


Span = Annotated[float, BeforeValidator(_span), WithJsonSchema({"type": "string"})]
Address = Annotated[
    Text,
    AfterValidator(partial(_matching, _ADDRESS, "127.0.0.1:{port} or unix:/run/php/php-fpm.sock")),
]


class VhostEntry(Strict):
    """How a web server on the hosts comes to answer for an endpoint."""

    server: Literal["nginx", "caddy"] = Field("nginx", description="Which one it is.")
    directory: Annotated[Text, AfterValidator(_absolute)] = Field(
        "",
        description="Where its config includes files from, and the login may write; `/etc/nginx/shiphorn.d` "
        "or `/etc/caddy/shiphorn.d` if left out.",
    )
    listen: Annotated[
        list[str], BeforeValidator(_listen), WithJsonSchema({"type": ["integer", "string", "array"]})
    ] = Field([], description="Ports or addresses; 80, or `443 ssl` with a certificate, if left out.")
    root: Annotated[Text, AfterValidator(_root)] = Field(
        "public", description='Folder of the release that is served; "" for all of it.'
    )
    php: Address = Field("", description="Where php-fpm listens: `unix:/run/php/php-fpm.sock`.")
    proxy: Address = Field("", description="Where the application listens: `127.0.0.1:{port}`.")
    certificate: Annotated[Text, AfterValidator(lambda text: text and _absolute(text))] = Field(
        "", description="Certificate file on the hosts, such as a wildcard one."
    )
    key: Annotated[Text, AfterValidator(lambda text: text and _absolute(text))] = Field(
        "", description="Its key file."
    )
    template: str = Field(
        "",
        description="The whole file, in place of all that: `{host}`, `{root}`, `{base}`, `{port}`, `{url}`, "
        "`{name}` and `{app}` are filled in.",
    )
    test: Text = Field("", description="Command that tells whether the server takes its config.")
    reload: Text = Field("", description="Command that has it read its config again.")

    @model_validator(mode="after")
    def _together(self) -> VhostEntry:
        if self.php and self.proxy:
            raise ValueError("it has both php and proxy; use one")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key belong together")
        return self


class EndpointsKeys(Strict):
    """Branches that get an environment of their own on these hosts, for a while."""

    url: Annotated[Text, AfterValidator(_url)] = Field(
        description="Where one is reached: `https://{name}.staging.example.com`."
    )
    deploy_to: Annotated[Text, AfterValidator(_deploy_to)] = Field(
        "",
        description="Directory of one on the hosts, which is removed with it: `/srv/{app}-endpoints/{name}`; "
        "beside that of the environment if left out.",
    )
    ttl: Span = Field(3 * 86_400.0, description="How long one stays.")
    longest: Span = Field(30 * 86_400.0, description="How long anybody may have one stay, from now on.")
    max: int = Field(20, ge=1, le=1000, description="How many there may be at a time.")
    ports: Annotated[tuple[int, int] | None, BeforeValidator(_ports), WithJsonSchema({"type": "string"})] = (
        Field(None, description='Ports of which each gets one, as `{port}`: `"21000-21099"`.')
    )
    hosts: list[Text] = Field([], description="Only hosts whose names match one of these globs.")
    roles: list[Name] = Field([], description="Only hosts with one of these roles.")
    env: dict[
        Variable,
        Annotated[Any, AfterValidator(partial(env_value, known=_KNOWN))],
    ] = Field(
        {},
        description="More environment of commands; `{name}`, `{branch}`, `{url}` and `{port}` are filled in, "
        "too.",
    )
    vhost: VhostEntry | None = Field(None, description="The web server that answers for it.")
    follow: bool = Field(default=True, description="Deploy what is pushed to the branch.")
    label: Text = Field(
        "deploy-preview", description='Label by which a pull request gets one; "" for no such.'
    )


class EndpointEntry(Strict):
    """What an environment is the endpoint of; shiphorn writes it, nobody else."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=LONGEST_LABEL)]
    branch: Text
    url: Text
    port: int = 0
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class EndpointSite:
    """What an endpoint's environment has that others have not.

    `mark` is written into its directory, which belongs to nobody else then. `only` are the hosts that it
    is on, `remove` what runs at its end.
    """

    mark: str
    name: str
    branch: str
    url: str
    only: Selection
    remove: tuple[Command, ...] = ()
    vhost: Vhost | None = None


def entry_of(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint as its environment holds it."""
    return {
        "name": endpoint.name,
        "branch": endpoint.branch,
        "url": endpoint.url,
        "port": endpoint.port,
        "fresh": endpoint.is_fresh,
    }


def url_of(keys: EndpointsKeys, app: str, environment: str, name: str) -> str:
    """Where an endpoint of a name is reached. Raises ConfigError SH183 when no host can be called so."""
    facts = {"name": name, "endpoint": name, "app": app.replace("/", "-").lower(), "environment": environment}
    url = PLACEHOLDER.sub(lambda match: facts[match[2]] if match[2] else match[0], keys.url)
    host = urlsplit(url).hostname or ""
    if HOST_NAME.fullmatch(host) is None:
        raise ConfigError(
            "SH183",
            f"endpoints of {environment} cannot be reached at {url}: {host} is no name of a host.",
            hint="Letters, digits and dashes make up a name, dots stand between: see `url` of `endpoints`.",
        )
    return url


def longest_name(keys: EndpointsKeys, app: str, environment: str) -> int:
    """How long names may be, so that no label of DNS gets too long. Raises ConfigError SH183."""
    host = urlsplit(url_of(keys, app, environment, "n")).hostname or ""
    longest = min(LONGEST_NAME, LONGEST_LABEL + 1 - max(map(len, host.split("."))), 254 - len(host))
    if longest < SHORTEST_NAME:
        raise ConfigError(
            "SH183",
            f"{host} leaves too little room for the names of endpoints of {environment}.",
            hint="Give {name} a label of its own in `url`: https://{name}.example.com",
        )
    return longest


def facts_for(entry: EndpointEntry) -> dict[str, str]:
    """What the placeholders of an endpoint stand for."""
    port = str(entry.port) if entry.port else ""
    return {
        "endpoint": entry.name,
        "name": entry.name,
        "branch": entry.branch,
        "url": entry.url,
        "port": port,
    }


def fill_own(value: Any, facts: Mapping[str, str]) -> Any:
    """The placeholders of an endpoint filled in, in texts, lists and mappings; others stay as they are.

    What they stand for is taken literally later on: a branch may be called `{host}`.
    """
    if isinstance(value, str):
        return PLACEHOLDER.sub(
            lambda match: _literal(facts[match[2]]) if match[2] in facts else match[0], value
        )
    if isinstance(value, list):
        return [fill_own(one, facts) for one in value]
    if isinstance(value, dict):
        return {name: fill_own(one, facts) for name, one in value.items()}
    return value


def _literal(text: str) -> str:
    return re.sub(r"\{(\w+)\}", r"{{\1}}", text)


def env_of(keys: EndpointsKeys, entry: EndpointEntry) -> dict[str, Any]:
    """The variables that an endpoint has besides those of its environment, as a layer has them."""
    own = {
        "HORN_ENDPOINT": _literal(entry.name),
        "HORN_BRANCH": _literal(entry.branch),
        "HORN_URL": _literal(entry.url),
    }
    if entry.port:
        own["HORN_PORT"] = str(entry.port)
    given = {
        name: value if isinstance(value, str) else {"secret": value.name} for name, value in keys.env.items()
    }
    return own | {name: fill_own(value, facts_for(entry)) for name, value in given.items()}


def vhost_of(keys: EndpointsKeys, entry: EndpointEntry, app: str, environment: str) -> Vhost | None:
    """The file by which a web server answers for an endpoint; None where none is told to."""
    wanted = keys.vhost
    if wanted is None:
        return None
    directory, test, reload = _DEFAULTS[wanted.server]
    parts = urlsplit(entry.url)
    secure = bool(wanted.certificate) or (wanted.server == "caddy" and parts.scheme == "https")
    default = () if wanted.server == "caddy" else ("443 ssl",) if secure else ("80",)
    facts = facts_for(entry)
    inside = facts | {"base": BASE}
    answering = Answering(
        host=parts.hostname or "",
        listen=tuple(wanted.listen) or default,
        secure=secure,
        root=wanted.root,
        php=fill_own(wanted.php, inside),
        proxy=fill_own(wanted.proxy, inside),
        certificate=wanted.certificate,
        key=wanted.key,
    )
    note = f"Written by shiphorn: {environment}~{entry.name} of {app}. It is written anew with each deploy."
    if wanted.template:
        known = facts | {"host": answering.host, "root": answering.folder, "base": BASE, "app": app}
        text = vhost.custom(wanted.template, {name: known[name] for name in _TEMPLATE}, note)
    else:
        text = vhost.RENDER[wanted.server](answering, note)
    file = f"shiphorn-{app.replace('/', '+')}-{environment}-{entry.name}{SUFFIX[wanted.server]}"
    return Vhost(
        f"{wanted.directory or directory}/{file}", text, wanted.test or test, wanted.reload or reload
    )


def only_of(keys: EndpointsKeys) -> Selection:
    """The hosts that endpoints are on."""
    return Selection(roles=tuple(keys.roles), hosts=tuple(keys.hosts))
