"""The first deploy.yml of a project: short, commented, and right for what is found there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from shiphorn.errors import Refused

_SIGNS = (
    ("rails", ("config/application.rb", "bin/rails")),
    ("django", ("manage.py",)),
    ("php", ("composer.json", "index.php", "public/index.php")),
    ("node", ("package.json",)),
    ("static", ("index.html", "public/index.html")),
)

_HEAD = """\
# How {app} is deployed. All keys: horn config schema; what a host gets: horn config explain ENV HOST
app: {app}
repo: {repo}
branch: {branch}
deploy_to: /srv/{app}          # releases/, shared/ and current are made below it
keep_releases: 5
"""

_BODY = {
    "rails": """
shared:                         # kept from release to release
  dirs: [log, storage, tmp/pids, tmp/cache]
  # files: [config/master.key]  # put it on the hosts once

commands:
  stage:                        # on hosts, in the new release, before the switch
    - bundle install --deployment --quiet
    - bin/rails assets:precompile
    - {run: bin/rails db:migrate, once: true}
  restart: [sudo systemctl restart APP]

env: {RAILS_ENV: "{environment}"}
""",
    "php": """
shared:                         # kept from release to release
  dirs: [var/log]
  # files: [.env]               # put it on the hosts once

commands:
  build: [composer install --no-dev --optimize-autoloader]   # here, before packing
  # restart: [sudo systemctl reload php8.2-fpm]

env: {APP_ENV: "{environment}"}
""",
    "django": """
shared:
  dirs: [media]                 # kept from release to release

commands:
  stage:                        # on hosts, in the new release, before the switch
    - python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt
    - .venv/bin/python manage.py collectstatic --noinput
    - {run: .venv/bin/python manage.py migrate --noinput, once: true}
  restart: [sudo systemctl restart APP]

env: {DJANGO_ENV: "{environment}"}
""",
    "node": """
commands:
  build: [npm ci, npm run build --if-present, npm prune --omit=dev]   # here, before packing
  restart: [sudo systemctl restart APP]

env: {NODE_ENV: production}
""",
    "static": """
# commands:
#   build: [make]               # here, before packing
""",
    "plain": """
# shared: {dirs: [log]}         # kept from release to release
# commands:
#   build: [make]               # here, before packing
#   stage: [bin/migrate]        # on hosts, in the new release, before the switch
#   restart: [sudo systemctl restart APP]
""",
}

_TAIL = """
# watch: [{http: "http://{address}:8080/health"}]   # what has to be well after the switch

ssh: {user: deploy}             # the rest is as for ssh: your keys, agent and ~/.ssh/config

environments:
  staging:
    hosts: [web1.staging.example.com]
  production:
    hosts: [web1.example.com, web2.example.com]
"""


def detect(directory: Path) -> str:
    """What kind of project a directory holds: rails, django, php, node, static or plain."""
    return next(
        (kind for kind, signs in _SIGNS if any((directory / sign).exists() for sign in signs)), "plain"
    )


def write_starter(directory: Path) -> Path:
    """Write deploy.yml into a project. Raises Refused SH510 if there is one, SH532 for no such folder."""
    if not directory.is_dir():
        raise Refused("SH532", f"{directory} is not a folder.", hint="Name the folder of a project.")
    path = directory / "deploy.yml"
    app = re.sub(r"[^A-Za-z0-9_-]+", "-", directory.resolve().name).strip("-_") or "app"
    head = _HEAD.format(
        app=app, repo=_git(directory, "remote", "get-url", "origin") or ".", branch=_branch(directory)
    )
    text = head + _BODY[detect(directory)].replace("restart APP", f"restart {app}") + _TAIL
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(
            "SH510", f"{path} exists already, and is left as it is.", hint="Check it: horn config check"
        ) from None
    return path


def _branch(directory: Path) -> str:
    return _git(directory, "symbolic-ref", "--short", "HEAD") or "main"


def _git(directory: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
