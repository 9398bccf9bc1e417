"""How a web server on a host comes to answer for an endpoint: a file of its config, as text. Pure.

Nothing that a branch is called gets in here: names are labels of DNS, paths are checked, and where the
endpoint lies is filled in on the host, which refuses a path that a config could take for anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

BASE = "@BASE@"
"""Stands for the deploy directory, until the host fills it in."""
PLAIN_PATH = re.compile(r"[A-Za-z0-9._/@%+=:,~-]*")
"""What nginx and Caddy take as it stands, and quotes, variables and blocks have no part in."""
HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
SUFFIX = {"nginx": ".conf", "caddy": ".caddy"}


@dataclass(frozen=True, slots=True)
class Vhost:
    """A file for a host: `test` has to take it before `reload` lets it count. Both are commands for sh."""

    path: str
    text: str
    test: str
    reload: str


@dataclass(frozen=True, slots=True)
class Answering:
    """What a web server is to do for a host name.

    `root` is a path in the release, `php` and `proxy` where FastCGI or the application listens:
    `unix:/run/app.sock` or `127.0.0.1:9000`. Without both it serves files.
    """

    host: str
    listen: tuple[str, ...]
    secure: bool
    root: str = ""
    php: str = ""
    proxy: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def folder(self) -> str:
        """Where the files are."""
        return f"{BASE}/current/{self.root}".rstrip("/")


def nginx(wanted: Answering, note: str) -> str:
    """A `server` block. `note` stands above it as a comment."""
    lines = [f"# {note}", "server {"]
    lines += [f"    listen {one};" for one in wanted.listen]
    lines += [f"    server_name {wanted.host};"]
    if wanted.certificate:
        lines += [f"    ssl_certificate {wanted.certificate};", f"    ssl_certificate_key {wanted.key};"]
    lines += [f"    root {wanted.folder};"]
    if wanted.proxy:
        lines += [
            "    location / {",
            f"        proxy_pass http://{wanted.proxy};",
            "        proxy_http_version 1.1;",
            "        proxy_set_header Host $http_host;",
            "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
            "        proxy_set_header X-Forwarded-Proto $scheme;",
            "        proxy_set_header Upgrade $http_upgrade;",
            "        proxy_set_header Connection $http_connection;",
            "    }",
        ]
    else:
        lines += ["    location ~ /\\.(?!well-known/) { return 404; }"]
        if wanted.php:
            # $realpath_root, or opcache would serve what was live before (measured; see the README).
            lines += [
                "    index index.php index.html;",
                "    location / { try_files $uri $uri/ /index.php$is_args$args; }",
                "    location ~ \\.php$ {",
                "        try_files $uri =404;",
                f"        fastcgi_pass {wanted.php};",
                "        include fastcgi_params;",
                "        fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;",
                "        fastcgi_param DOCUMENT_ROOT $realpath_root;",
                "    }",
            ]
        else:
            lines += ["    index index.html;", "    location / { try_files $uri $uri/ =404; }"]
    return "\n".join([*lines, "}", ""])


def caddy(wanted: Answering, note: str) -> str:
    """A site block. `note` stands above it as a comment."""
    scheme = "https" if wanted.secure else "http"
    ports = [one.rpartition(":")[2] for one in wanted.listen] or [""]
    sites = ", ".join(f"{scheme}://{wanted.host}{f':{port}' if port else ''}" for port in ports)
    lines = [f"# {note}", f"{sites} {{"]
    if wanted.certificate:
        lines += [f"    tls {wanted.certificate} {wanted.key}"]
    if wanted.proxy:
        lines += [f"    reverse_proxy {_caddy_address(wanted.proxy)}"]
    else:
        lines += [f"    root * {wanted.folder}", "    @hidden path */.*", "    respond @hidden 404"]
        if wanted.php:
            lines += [
                f"    php_fastcgi {_caddy_address(wanted.php)} {{",
                "        resolve_root_symlink",
                "    }",
            ]
        lines += ["    file_server"]
    return "\n".join([*lines, "}", ""])


RENDER = {"nginx": nginx, "caddy": caddy}


def custom(template: str, facts: Mapping[str, str], note: str) -> str:
    """A person's own template, with `{host}` and such filled in; any other text in braces stays."""
    filled = re.sub(r"\{(\w+)\}", lambda match: facts.get(match[1], match[0]), template)
    return f"# {note}\n{filled.rstrip()}\n"


def _caddy_address(address: str) -> str:
    return address.replace("unix:", "unix/", 1) if address.startswith("unix:") else address
