"""shiphorn.yml, and how apps lie over it."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from shiphorn.config import service
from shiphorn.config.load import Config, load_text
from shiphorn.config.service import ServiceConfig
from shiphorn.errors import ConfigError
from shiphorn.model.freezes import window
from shiphorn.model.notices import Audience, Quiet
from shiphorn.model.notices import Moment as Told
from shiphorn.model.settings import Moment, SecretRef

COMMON = """\
url: https://deploy.example.com/horn
defaults:
  deploy_to: /srv/{app}
  ssh: {user: deploy, identity_file: keys/id}
  env: {TEAM: core, VERSION: 1.10}
hooks:
  restart: [logger switched]
secrets: {DB: {file: secrets/db}}
environments:
  staging: {hosts: [s1]}
  production:
    waves: [1, 50%]
    regions:
      eu: {hosts: [e1, e2], env: {CURRENCY: EUR}}
      us: {inventory: {exec: ./hosts.py}}
"""


@pytest.fixture
def common(tmp_path: Path) -> ServiceConfig:
    (tmp_path / "shiphorn.yml").write_text(COMMON)
    return service.load(tmp_path / "shiphorn.yml")


def app(common: ServiceConfig, text: str) -> Config:
    return common.app(text, common.directory / "apps" / "shop.yml")


def test_an_app_needs_its_name_and_repository_only(common: ServiceConfig) -> None:
    shop = app(common, "app: shop\nrepo: git@example.com:acme/shop.git\n")
    assert shop.environments == ("staging", "production")
    host = shop.environment("production").regions[0].hosts[0]
    settings = shop.settings("production", host)
    assert settings.deploy_to == "/srv/shop"
    assert settings.env == {"TEAM": "core", "VERSION": "1.10", "CURRENCY": "EUR"}
    assert settings.login.user == "deploy"


def test_an_app_goes_to_the_environments_that_it_lists(common: ServiceConfig) -> None:
    shop = app(common, "app: shop\nrepo: r\nenvironments: [staging]\n")
    assert shop.environments == ("staging",)


def test_what_an_app_says_wins_over_what_all_have(common: ServiceConfig) -> None:
    shop = app(
        common,
        "app: shop\nrepo: r\nenv: {TEAM: web}\n"
        "environments: {production: {waves: [2], bake: 1m}, staging: }\n",
    )
    production = shop.environment("production")
    assert production.limits.waves.sizes == ("2",)
    assert production.limits.bake_seconds == 60
    assert [region.name for region in production.regions] == ["eu", "us"]
    assert shop.settings("staging", shop.environment("staging").regions[0].hosts[0]).env["TEAM"] == "web"


def test_freezes_of_all_apps_hold_for_one_that_has_none_of_its_own(common: ServiceConfig) -> None:
    common.path.write_text(COMMON + "    freezes: [{from: fri 16:00, to: mon 08:00}]\n")
    common = service.load(common.path)
    shop = app(common, "app: shop\nrepo: r\n")
    assert shop.freezes("production") == (window("fri 16:00", "mon 08:00"),)
    assert shop.where_frozen("production") == ("shiphorn.yml:16",)
    assert load_text(shop.text, shop.path).freezes("production") == shop.freezes("production")
    own = "app: shop\nrepo: r\nenvironments:\n  production: {freezes: [{from: 22:00, to: 06:00}]}\n"
    assert app(common, own).freezes("production") == (window("22:00", "06:00"),)
    assert app(common, own).where_frozen("production") == ("shop.yml:4",)
    assert app(common, own.replace("{from: 22:00, to: 06:00}", "")).freezes("production") == ()


def test_an_app_with_hosts_of_its_own_goes_to_these_alone(common: ServiceConfig) -> None:
    shop = app(common, "app: shop\nrepo: r\nenvironments: {production: {hosts: [mine]}}\n")
    hosts = [host.name for region in shop.environment("production").regions for host in region.hosts]
    assert hosts == ["mine"]
    assert shop.environment("production").limits.waves.sizes == ("1", "50%")


def test_hooks_run_ahead_of_the_commands_of_whichever_layer(common: ServiceConfig) -> None:
    shop = app(
        common,
        "app: shop\nrepo: r\nhooks: {restart: [mine first]}\ncommands: {restart: [app]}\n"
        "environments: {staging: {commands: {restart: [staging]}}}\n",
    )
    host = shop.environment("staging").regions[0].hosts[0]
    restart = shop.settings("staging", host).commands[Moment.RESTART]
    assert [one.run for one in restart] == ["logger switched", "mine first", "staging"]


def test_paths_are_relative_to_the_file_that_they_stand_in(common: ServiceConfig) -> None:
    shop = app(common, "app: shop\nrepo: ../shop.git\nssh: {known_hosts: known}\n")
    login = shop.settings("staging", shop.environment("staging").regions[0].hosts[0]).login
    assert login.identity_files == (f"{common.directory}/keys/id",)
    assert login.known_hosts == (f"{common.directory}/apps/known",)
    assert shop.repo == f"{common.directory}/shop.git"
    assert shop.secrets["DB"].value == f"{common.directory}/secrets/db"
    assert (
        shop.environment("production").regions[1].inventory_command == f"cd {common.directory} && ./hosts.py"
    )


def test_each_value_is_explained_by_the_file_it_comes_from(common: ServiceConfig) -> None:
    shop = app(common, "app: shop\nrepo: r\nenv:\n  TEAM: web\n")
    host = shop.environment("production").regions[0].hosts[0]
    where = {row.key: row.where for row in shop.explain("production", host)}
    assert where["env.TEAM"] == "shop.yml:4"
    assert where["env.CURRENCY"] == "shiphorn.yml:14"
    assert where["deploy_to"] == "shiphorn.yml:3"


def test_what_is_kept_with_a_deploy_says_all_of_it(common: ServiceConfig) -> None:
    from shiphorn.config.load import load_text

    shop = app(common, "app: shop\nrepo: r\nenv: {PORT: 8_0}\n")
    again = load_text(shop.text, shop.path)
    host = again.environment("production").regions[0].hosts[0]
    assert again.settings("production", host) == shop.settings("production", host)


def test_problems_of_an_app_are_told_with_the_file_they_are_in(common: ServiceConfig) -> None:
    with pytest.raises(ConfigError) as told:
        app(common, "app: shop\nrepo: r\nbrunch: main\nenvironments: {production: {wave: [1]}}\n")
    assert told.value.problems == (
        "shop.yml:3 brunch: there is no such key; did you mean branch?",
        "shop.yml:4 environments.production.wave: there is no such key; did you mean waves?",
    )


def test_problems_of_the_common_file_are_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "shiphorn.yml").write_text(
        "urls: x\nsign_in: {oidc: {issuer: https://id.example.com}}\nconverge: often\n"
    )
    with pytest.raises(ConfigError) as told:
        service.load(tmp_path / "shiphorn.yml")
    assert [one.split(" ")[0] for one in told.value.problems] == [
        "shiphorn.yml:1",
        "shiphorn.yml:2",
        "shiphorn.yml:2",
        "shiphorn.yml:3",
    ]


def test_without_a_file_all_is_as_by_default(tmp_path: Path) -> None:
    found = service.load(tmp_path / "shiphorn.yml")
    assert found.model.apps == ["apps/*.yml"]
    assert found.app_files() == []


def test_notifiers_are_told_of_what_they_want(tmp_path: Path) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text(
        "secrets: {SLACK: {env: SLACK_URL}}\n"
        "notifiers:\n"
        "  team: {url: {secret: SLACK}}\n"
        "  night:\n"
        "    url: json://example.com/\n"
        "    apps: [shop]\n"
        "    on: [failed]\n"
        "    quiet: {from: 22:00, to: 07:00, zone: Europe/Berlin}\n"
    )
    assert service.load(path).audiences == [
        Audience("team", SecretRef("SLACK")),
        Audience(
            "night",
            "json://example.com/",
            apps=("shop",),
            on=(Told.FAILED,),
            quiet=Quiet(time(22), time(7), "Europe/Berlin"),
        ),
    ]


def test_problems_of_notifiers_are_told_without_what_is_secret(tmp_path: Path) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text(
        "notifiers:\n"
        "  one: {url: {secret: LOST}}\n"
        "  two: {url: hunter2, on: started}\n"
        "  three:\n"
        "    url: json://example.com/\n"
        "    app: [shop]\n"
        "    quiet: {from: '25:00', to: '07:00', zone: Moon}\n"
        "  four: {url: json://example.com/, quiet: {from: '07:00', to: '07:00'}}\n"
    )
    with pytest.raises(ConfigError) as error:
        service.load(path)
    assert [problem.removeprefix(str(tmp_path)) for problem in error.value.problems] == snapshot(
        [
            "shiphorn.yml:2 notifiers.one.url: the secret LOST is not defined under secrets",
            "shiphorn.yml:3 notifiers.two.url: it has to be a URL such as slack://..., or {secret: NAME}",
            "shiphorn.yml:3 notifiers.two.on: it has to be a list",
            "shiphorn.yml:6 notifiers.three.app: there is no such key; did you mean apps?",
            "shiphorn.yml:7 notifiers.three.quiet.from: it has to be a time of the day such as 22:00",
            "shiphorn.yml:7 notifiers.three.quiet.zone: there is no time zone Moon; one is Europe/Berlin",
            "shiphorn.yml:8 notifiers.four.quiet: from and to are the same",
        ]
    )
