"""`endpoints` of an environment: what may stand there, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.config.endpoints import longest_name, url_of
from shiphorn.config.load import Config, load_text
from shiphorn.errors import ConfigError
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.settings import Moment, SecretRef

PATH = Path("/srv/deploy/deploy.yml")
ONE = Endpoint(
    1, "shop", "staging", "feature/{host}", "one", "https://one.x.org", "ada", 1.0, 9.0, port=21000
)
STAGING: dict[str, Any] = {
    "hosts": [
        {"name": "web1", "roles": ["web"], "env": {"FROM": "host"}, "deploy_to": "/srv/odd"},
        {"name": "db1", "roles": ["db"]},
    ],
    "freezes": [{"from": "fri 16:00", "to": "mon"}],
    "waves": [1],
    "watch": [{"command": "bin/check"}],
    "endpoints": {
        "url": "https://{name}.x.org",
        "roles": ["web"],
        "ports": "21000-21001",
        "env": {"FROM": "{endpoint} {branch} {environment} {region}", "PASSWORD": {"secret": "DB"}},
        "commands": {"create": ["createdb"], "remove": [{"run": "dropdb", "once": True}]},
        "watch": [{"http": "http://{address}:{port}/", "headers": {"Host": "{name}.x.org"}}],
        "vhost": {"proxy": "127.0.0.1:{port}"},
    },
}


def config(**keys: Any) -> Config:
    """A config whose staging has endpoints, with other keys of them."""
    staging = STAGING | {"endpoints": STAGING["endpoints"] | keys}
    data = {
        "app": "shop",
        "repo": "https://example.com/shop.git",
        "deploy_to": "/srv/{app}",
        "env": {"FROM": "app", "VERSION": 1.10, "STAGE": "{environment}"},
        "secrets": {"DB": {"env": "DB"}},
        "commands": {"stage": ["migrate"]},
        "hooks": {"stage": ["hook"]},
        "environments": {"staging": staging, "production": {"hosts": ["web9"]}},
    }
    return load_text(yaml.safe_dump(data, sort_keys=False), PATH)


def test_the_environment_of_an_endpoint_is_that_of_its_hosts_but_for_what_is_its_own() -> None:
    found = config().with_endpoints([ONE])
    assert found.environments == ("staging", "production")
    environment = found.environment("staging~one")
    web, db = environment.regions[0].hosts
    assert (environment.includes(web), environment.includes(db)) == (True, False)
    assert environment.limits.supersede
    assert environment.limits.waves.sizes == ()
    assert found.freezes("staging~one") == ()
    settings = found.settings("staging~one", web)
    assert settings.deploy_to == "/srv/odd-endpoints/one"
    assert settings.shared_from == "/srv/odd"
    assert found.settings("staging~one", db).deploy_to == "/srv/shop-endpoints/one"
    assert settings.env == {
        "FROM": "one feature/{host} staging default",
        "VERSION": "1.1",
        "STAGE": "staging",
        "PASSWORD": SecretRef("DB"),
        "HORN_ENDPOINT": "one",
        "HORN_BRANCH": "feature/{host}",
        "HORN_URL": "https://one.x.org",
        "HORN_PORT": "21000",
    }
    assert [one.run for one in settings.commands[Moment.STAGE]] == ["hook", "createdb", "migrate"]
    (check,) = found.checks("staging~one", web)
    assert (check.what, check.headers) == ("http://web1:21000/", {"Host": "one.x.org"})
    site = environment.endpoint
    assert site is not None
    assert site.vhost is not None
    assert (site.mark, [one.run for one in site.remove]) == ("shop staging~one", ["dropdb"])
    assert site.vhost.path == "/etc/nginx/shiphorn.d/shiphorn-shop-staging-one.conf"
    assert "proxy_pass http://127.0.0.1:21000;" in site.vhost.text
    assert found.settings("staging", web).env["FROM"] == "host"


def test_what_makes_an_endpoint_runs_until_it_has_gone_well() -> None:
    found = config().with_endpoints([replace(ONE, is_fresh=False)])
    host = found.environment("staging~one").regions[0].hosts[0]
    commands = found.settings("staging~one", host).commands[Moment.STAGE]
    assert [one.run for one in commands] == ["hook", "migrate"]


def test_the_text_of_a_deploy_gives_the_same_environment_again() -> None:
    found = config().with_endpoints([ONE, replace(ONE, id=2, name="two", url="https://two.x.org")])
    again = load_text(found.text_for("staging~one"), PATH)
    assert again.environment("staging~one") == found.environment("staging~one")
    host = again.environment("staging~one").regions[0].hosts[0]
    assert again.settings("staging~one", host) == found.settings("staging~one", host)
    with pytest.raises(ConfigError):
        again.environment("staging~two")
    assert found.text_for("staging") == found.text


def test_endpoints_of_what_has_none_any_more_are_left_out() -> None:
    assert config().with_endpoints([replace(ONE, environment="production")]).endpoint_environments == ()
    assert config().with_endpoints([replace(ONE, app="blog")]).endpoint_environments == ()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"url": "https://staging.x.org"}, "it has to hold {name}"),
        ({"url": "https://x.org/{name}"}, "it has to be a URL of a host alone"),
        ({"url": "https://{name}.{branch}.x.org"}, "there is no placeholder {branch}"),
        ({"deploy_to": "/srv/shop"}, "its last part has to hold {name}"),
        ({"deploy_to": "/{name}"}, "its last part has to hold {name}, below another one"),
        ({"deploy_to": "/srv/{name}/.."}, "without . and .."),
        ({"deploy_to": "/srv/{branch}/{name}"}, "there is no placeholder {branch}"),
        ({"deploy_to": "/srv/$x/{name}"}, "letters, digits and"),
        ({"deploy_to": "srv/{name}"}, "an absolute path"),
        ({"ttl": "soon"}, "it has to be a time such as 12h, 3d or 2w"),
        ({"ttl": "5s"}, "of a minute at least"),
        ({"ports": "80"}, "it has to be a range"),
        ({"ports": "5-4"}, "it has to be a range"),
        ({"env": {"X": "{nothing}"}}, "there is no placeholder {nothing}"),
        ({"env": {"X": {"secret": "NONE"}}}, "the secret NONE is not defined"),
        ({"watch": [{"http": "http://{nothing}/"}]}, "check 1: http: "),
        ({"watch": [{}]}, "exactly one of"),
        ({"vhost": {"php": "unix:/a", "proxy": "1.2.3.4:5"}}, "it has both php and proxy"),
        ({"vhost": {"certificate": "/a"}}, "certificate and key belong together"),
        ({"vhost": {"directory": "/etc; rm"}}, "letters, digits and"),
        ({"vhost": {"listen": "80; }"}}, 'it has to be one such as 80, "443 ssl"'),
        ({"vhost": {"root": "../.."}}, "a path inside the release"),
        ({"vhost": {"proxy": "http://x/;"}}, "it has to be one such as 127.0.0.1:{port}"),
        ({"vhost": {"server": "apache"}}, "nginx"),
        ({"vhots": {}}, "did you mean vhost?"),
    ],
)
def test_what_may_not_stand_there_is_told(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config(**keys)
    assert says in "\n".join(refused.value.problems)


def test_nobody_but_shiphorn_writes_environments_of_endpoints() -> None:
    text = "app: a\nrepo: .\ndeploy_to: /srv/a\nenvironments: {dev: {hosts: [x]}, dev~x: {hosts: [x]}}\n"
    with pytest.raises(ConfigError) as refused:
        load_text(text, PATH)
    assert "only shiphorn itself writes environments of endpoints" in refused.value.problems[0]


def test_names_leave_room_for_what_is_around_them() -> None:
    keys = config(url="https://{name}-and-a-long-tail-of-a-label-behind-it.x.org").endpoints("staging")
    assert keys is not None
    longest = longest_name(keys, "shop", "staging")
    assert longest == 63 - len("-and-a-long-tail-of-a-label-behind-it")
    url_of(keys, "shop", "staging", "n" * longest)
    with pytest.raises(ConfigError) as refused:
        url_of(keys, "shop", "staging", "n" * (longest + 1))
    assert refused.value.code == "SH183"


def test_a_vhost_may_be_a_template_with_a_certificate_of_ones_own() -> None:
    found = config(vhost={"template": "server { server_name {host}; root {root}; listen {port}; }"})
    site = found.with_endpoints([ONE]).environment("staging~one").endpoint
    assert site is not None
    assert site.vhost is not None
    assert site.vhost.text.splitlines()[1] == (
        "server { server_name one.x.org; root @BASE@/current/public; listen 21000; }"
    )
    secure = config(vhost={"certificate": "/etc/ssl/x.pem", "key": "/etc/ssl/x.key", "root": ""})
    site = secure.with_endpoints([ONE]).environment("staging~one").endpoint
    assert site is not None
    assert site.vhost is not None
    assert "    listen 443 ssl;\n" in site.vhost.text
    assert "    ssl_certificate_key /etc/ssl/x.key;\n" in site.vhost.text
    assert "    root @BASE@/current;\n" in site.vhost.text
