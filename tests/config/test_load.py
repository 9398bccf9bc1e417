"""deploy.yml: what it says, and everything that is wrong with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from shiphorn.config.load import Config, find, load, load_text
from shiphorn.config.schema import json_schema
from shiphorn.config.starter import detect, write_starter
from shiphorn.errors import ConfigError, Refused
from shiphorn.model.freezes import window
from shiphorn.model.health import Check, Kind
from shiphorn.model.settings import Command, Limits, Moment, SecretRef
from shiphorn.model.target import Host

TEXT = """\
app: sample
repo: ../sample.git
deploy_to: /srv/{app}
shared: {dirs: [log, ./tmp/uploads/], files: [config/app.env]}
ssh: {user: deploy, identity_file: id_ed25519}
secrets: {DB: {command: pass show db}}
commands:
  build: [make assets]
  stage: [bin/migrate, {run: bin/warm, roles: [web], once: true, timeout: 2m}]
env: {APP_ENV: "{environment}", AT: "{host} {{host}}", N: 3, DB: {secret: DB}}
roles:
  db: {env: {POOL: "50"}, keep_releases: 2}
environments:
  staging: {hosts: [web1.staging], require: 2, phase_timeout: 30s}
  production:
    ssh: {user: prod}
    roles:
      db: {env: {POOL: "90"}}
    regions:
      eu:
        env: {CURRENCY: EUR}
        hosts:
          - {name: web1.eu, address: 192.0.2.10, port: 2222, zone: eu-1a, roles: [web, db],
             env: {CURRENCY: GBP}}
          - web2.eu
      us: {inventory: {exec: ./hosts.py}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_text(TEXT, tmp_path / "deploy.yml")


def problems(text: str, tmp_path: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_text(text, tmp_path / "deploy.yml")
    return list(raised.value.problems) or [str(raised.value)]


def test_later_layers_win_and_mappings_merge(config: Config, tmp_path: Path) -> None:
    first, second = config.environment("production").regions[0].hosts
    settings = config.settings("production", first)
    assert settings.env == {
        "APP_ENV": "production",
        "AT": "web1.eu {host}",
        "N": "3",
        "DB": SecretRef("DB"),
        "CURRENCY": "GBP",
        "POOL": "90",
    }
    assert (settings.deploy_to, settings.keep_releases) == ("/srv/sample", 2)
    assert (settings.login.user, settings.login.identity_files) == ("prod", (str(tmp_path / "id_ed25519"),))
    assert (settings.shared_dirs, settings.shared_files) == (("log", "tmp/uploads"), ("config/app.env",))
    assert settings.commands[Moment.STAGE] == (
        Command("bin/migrate"),
        Command("bin/warm", roles=("web",), once=True, timeout_seconds=120.0),
    )
    other = config.settings("production", second)
    assert (other.env["CURRENCY"], other.env["AT"], other.keep_releases) == ("EUR", "web2.eu {host}", 5)


def test_an_environment_has_regions_limits_and_a_build(config: Config, tmp_path: Path) -> None:
    staging, production = config.environment("staging"), config.environment("production")
    assert [region.name for region in staging.regions] == ["default"]
    assert staging.limits == Limits("2", concurrency=128, phase_timeout_seconds=30.0)
    assert (staging.sound, production.sound) == (False, True)
    assert production.build == (Command("make assets"),)
    assert production.regions[1].inventory_command == "./hosts.py"
    assert config.repo == str((tmp_path / "../sample.git").resolve())


def test_each_value_is_explained_by_its_line(config: Config) -> None:
    host = config.environment("production").regions[0].hosts[0]
    rows = {row.key: (row.value, row.layer, row.where) for row in config.explain("production", host)}
    assert rows["env.CURRENCY"] == ("GBP", "host web1.eu", "deploy.yml:24")
    assert rows["env.POOL"] == ("90", "role db", "deploy.yml:18")
    assert rows["ssh.user"] == ("prod", "environment production", "deploy.yml:16")
    assert rows["keep_releases"] == (2, "role db", "deploy.yml:12")
    assert rows["env.APP_ENV"] == ("production", "app", "deploy.yml:10")
    assert rows["ssh.connect_timeout"] == (20.0, "default", "default")
    assert [row.key for row in config.explain("production", host, "ssh.user")] == ["ssh.user"]


def test_the_keys_of_the_app_and_the_environment_are_explained_too(config: Config) -> None:
    rows = {row.key: (row.value, row.layer, row.where) for row in config.explain("staging")}
    assert rows["commands.build"] == (["make assets"], "app", "deploy.yml:8")
    assert rows["phase_timeout"] == (30.0, "environment staging", "deploy.yml:14")
    assert rows["concurrency"] == (128, "default", "default")
    assert rows["branch"] == ("main", "default", "default")
    assert rows["repo"] == ("../sample.git", "app", "deploy.yml:2")


def test_a_key_that_nothing_sets_gets_its_neighbour_named(config: Config) -> None:
    with pytest.raises(ConfigError) as raised:
        config.explain("staging", None, "ssh.usr")
    assert (raised.value.code, raised.value.hint) == ("SH111", "Did you mean ssh.user?")


def test_keys_from_an_inventory_are_a_layer_and_are_checked(config: Config) -> None:
    host = Host("web9", "web9", region="us", settings={"env": {"CURRENCY": "USD"}})
    config.check_host("production", host)
    assert config.settings("production", host).env["CURRENCY"] == "USD"
    (row,) = config.explain("production", host, "env.CURRENCY")
    assert (row.layer, row.where) == ("host web9", "inventory")
    with pytest.raises(ConfigError, match="SH101"):
        config.check_host("production", replace(host, settings={"keep_releases": "many"}))


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
app: sample
repo: -oProxyCommand=x
deploy_too: /srv/sample
keep_releases: "5"
shared: {dirs: [log, ../up], file: [x]}
env: {A: "{regoin}", B: {secret: NOPE}}
environments:
  staging: {hosts: [web1, {nam: x}], require: 120%}
  production:
    regions: {eu: {hosts: [a], inventory: {exec: x}}}
    concurency: 3
"""
    assert problems(text, tmp_path) == [
        "deploy.yml:2 repo: it has to be a path or a git URL",
        "deploy.yml:3 deploy_too: there is no such key; did you mean deploy_to?",
        "deploy.yml:4 keep_releases: it has to be a whole number",
        "deploy.yml:5 shared.dirs[1]: it has to be a path inside the release, without ..",
        "deploy.yml:5 shared.file: there is no such key; did you mean files?",
        (
            "deploy.yml:6 env.A: there is no placeholder {regoin}; "
            "there are app, environment, region, zone, host (write {{regoin}} to mean it literally)"
        ),
        "deploy.yml:6 env.B: the secret NOPE is not defined under secrets",
        "deploy.yml:8 environments.staging.hosts[1].name: is missing",
        "deploy.yml:8 environments.staging.hosts[1].nam: there is no such key; did you mean name?",
        "deploy.yml:8 environments.staging.require: it has to be a share such as 95%, or a number of hosts",
        "deploy.yml:8 environments.staging: deploy_to is missing: set it here, or at the top",
        "deploy.yml:9 environments.production: deploy_to is missing: set it here, or at the top",
        "deploy.yml:10 environments.production.regions.eu: it has both hosts and inventory; use one",
        "deploy.yml:11 environments.production.concurency: there is no such key; did you mean concurrency?",
    ]


def test_what_should_be_another_kind_of_value_is_told_in_plain_words(tmp_path: Path) -> None:
    text = """\
app: 7
repo: .
deploy_to: /srv
commands: {build: make, finish: [{run: x, once: 1}]}
environments: {a: , b: {regions: {eu: }}}
"""
    assert problems(text, tmp_path) == [
        "deploy.yml:1 app: it has to be a text; what looks like something else goes into quotes",
        "deploy.yml:4 commands.build: it has to be a list",
        "deploy.yml:4 commands.finish[0].once: it has to be true or false",
        "deploy.yml:5 environments.a: it has to be a mapping of keys to values",
        "deploy.yml:5 environments.b.regions.eu: it has to be a mapping of keys to values",
    ]


def test_numbers_of_the_environment_stay_as_they_were_written(tmp_path: Path) -> None:
    config = load_text(
        """\
app: sample
repo: .
deploy_to: /srv
keep_releases: 0x3
env: {A: 1.10, B: 0755, C: 1e3, D: 2020-01-01, E: yes, F: true, G: 1_000, H: "1.0"}
environments: {env: {keep_releases: 2, hosts: [{name: a, env: {A: 2.50}}, b]}}
""",
        tmp_path / "deploy.yml",
    )
    first, second = config.environment("env").regions[0].hosts
    assert config.settings("env", second).env == {
        "A": "1.10",
        "B": "0755",
        "C": "1e3",
        "D": "2020-01-01",
        "E": "yes",
        "F": "true",
        "G": "1_000",
        "H": "1.0",
    }
    assert config.settings("env", first).env["A"] == "2.50"
    assert config.settings("env", first).keep_releases == 2


def test_an_environment_may_leave_out_the_build_of_the_app(tmp_path: Path) -> None:
    text = "app: a\nrepo: .\ndeploy_to: /srv\ncommands: {build: [make]}\nenvironments: {p: {ENTRY}, q: {}}\n"
    config = load_text(text.replace("{ENTRY}", "{commands: {build: []}}"), tmp_path / "deploy.yml")
    assert config.environment("p").build == ()
    assert config.environment("q").build == (Command("make"),)


def test_what_no_single_key_shows_is_told_too(tmp_path: Path) -> None:
    text = """\
app: sample
repo: .
env: {B: {secret: NOPE}}
environments:
  staging: {hosts: [web1, web1]}
"""
    assert problems(text, tmp_path) == [
        "deploy.yml:3 env.B: the secret NOPE is not defined under secrets",
        "deploy.yml:5 environments.staging.hosts[1]: the host web1 is there twice",
        "deploy.yml:5 environments.staging: deploy_to is missing: set it here, or at the top",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "SH102 deploy.yml is empty."),
        ("- a\n", "SH102 deploy.yml is not a mapping of keys to values."),
        ("a: [1\nb: 2\n", "SH102 deploy.yml:2 is not YAML"),
        ("app: x\napp: y\n", "SH102 deploy.yml:2 is not usable YAML: found duplicate key"),
        ("app: !ruby x\n", "SH102 deploy.yml:1 is not usable YAML: the tag !ruby means nothing here."),
        ("a: x\nb: &b [*b]\n", "SH102 deploy.yml:2 is not usable YAML: its aliases make it too large."),
        ("a: x\nb: \x07\n", "SH102 deploy.yml:2 is not YAML: control characters are not allowed."),
        ("app: x\n\tb: y\n", "SH102 deploy.yml:2 is not YAML"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_text(text, tmp_path / "deploy.yml")
    assert str(raised.value).startswith(said)


def test_an_unknown_environment_gets_its_neighbour_named(config: Config) -> None:
    with pytest.raises(ConfigError) as raised:
        config.environment("prodution")
    assert (raised.value.code, raised.value.hint) == ("SH110", "Did you mean production?")
    with pytest.raises(ConfigError) as raised:
        config.environment("prod")
    assert raised.value.hint == "Did you mean production?"


def test_the_file_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with pytest.raises(ConfigError, match="horn init"):
        find(tmp_path / "a/b")
    (tmp_path / "deploy.yml").write_text(TEXT)
    assert find(tmp_path / "a/b") == tmp_path / "deploy.yml"


@pytest.mark.parametrize(
    ("sign", "kind"),
    [
        ("config/application.rb", "rails"),
        ("composer.json", "php"),
        ("manage.py", "django"),
        ("package.json", "node"),
        ("index.html", "static"),
        ("README", "plain"),
    ],
)
def test_the_starter_fits_the_project_and_is_never_overwritten(tmp_path: Path, sign: str, kind: str) -> None:
    project = tmp_path / "my app"
    (project / sign).parent.mkdir(parents=True)
    (project / sign).touch()
    assert detect(project) == kind
    path = write_starter(project)
    made = load(path)
    assert (made.app, made.environments) == ("my-app", ("staging", "production"))
    with pytest.raises(Refused, match="SH510"):
        write_starter(project)


def test_an_environment_has_freeze_windows_with_the_lines_they_stand_in(tmp_path: Path) -> None:
    text = TEXT + (
        "    freezes:\n"
        "      - {from: fri 16:00, to: mon 08:00, zone: Europe/London, reason: weekend}\n"
        "      - {from: 22:00, to: 06:00}\n"
        "      - {from: 2026-12-20, to: 2027-01-04, reason: Christmas}\n"
    )
    config = load_text(text, tmp_path / "deploy.yml")
    assert config.freezes("production") == (
        window("fri 16:00", "mon 08:00", "Europe/London", "weekend"),
        window("22:00", "06:00"),
        window("2026-12-20", "2027-01-04", reason="Christmas"),
    )
    assert config.freezes("staging") == ()
    assert config.where_frozen("production") == ("deploy.yml:28", "deploy.yml:29", "deploy.yml:30")
    (row,) = config.explain("production", key="freezes")
    assert (row.value[1], row.where) == (
        {"from": "22:00", "to": "06:00", "zone": "UTC", "reason": ""},
        "deploy.yml:27",
    )


def test_wrong_freeze_windows_are_told_by_their_lines(tmp_path: Path) -> None:
    text = """\
app: sample
repo: ../sample.git
deploy_to: /srv/sample
environments:
  production:
    hosts: [web1]
    freezes:
      - {from: friday 16:00, to: 2026-12-20}
      - {from: 22:00, to: 22:00}
      - {from: 2027-01-04, to: 2026-12-20}
      - {from: soon, to: 06:00, zone: Europe/Londn}
      - {from: 22:00, until: 06:00, zone: Mars}
      - {from: 9, to: 17}
      - nights
"""
    here, not_text = "environments.production.freezes", "it has to be a text; what looks like something else"
    assert [one.replace(here, "...") for one in problems(text, tmp_path)] == [
        "deploy.yml:8 ...[0]: from is a day of the week, to is a date: they have to be of one kind",
        "deploy.yml:9 ...[1]: it ends when it begins; what is to be closed for good is locked: horn lock",
        "deploy.yml:10 ...[2]: it ends before it begins: to is exclusive, and has to be later than from",
        'deploy.yml:11 ...[3].from: \'soon\' is no time: write "fri 16:00", "22:00" or "2026-12-20 18:00"',
        "deploy.yml:11 ...[3].zone: there is no time zone 'Europe/Londn'; did you mean Europe/London?",
        "deploy.yml:12 ...[4].to: is missing",
        (
            "deploy.yml:12 ...[4].zone: there is no time zone 'Mars'; "
            "there are UTC, Europe/London, America/New_York ..."
        ),
        "deploy.yml:12 ...[4].until: there is no such key; there are from, to, zone, reason",
        f"deploy.yml:13 ...[5].from: {not_text} goes into quotes",
        f"deploy.yml:13 ...[5].to: {not_text} goes into quotes",
        "deploy.yml:14 ...[6]: it has to be a mapping of keys to values",
    ]


def test_the_schema_names_every_key() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"app", "repo", "environments", "deploy_to", "env"} <= set(schema["properties"])


def test_the_config_of_the_readme_is_valid(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    text = readme.partition("```yaml\n")[2].partition("```")[0]
    config = load_text(text, tmp_path / "deploy.yml")
    assert config.environments == ("staging", "production")
    assert len(text.splitlines()) <= 20


WATCH = """\
app: sample
repo: .
deploy_to: /srv/sample
watch:
  - {http: "http://{address}:8080/health", status: 200, body: "{ok}", within: 2s, from: host,
     headers: {Host: "{region}.example.com"}}
  - {tcp: "{address}:5432", interval: 500ms, successes: 3, failures: 0, timeout: 1s}
  - {command: 'test "${REGION}" = eu', roles: [web]}
environments:
  staging:
    watch: [{unit: "sample-{environment}.service"}, {process: shared/run/app.pid}]
    hosts: [a]
  production:
    regions:
      eu:
        hosts:
          - {name: web1, address: 192.0.2.10, roles: [web]}
          - {name: db1, address: "2001:db8::1"}
"""


def test_checks_are_filled_for_each_host_and_are_those_of_its_roles(tmp_path: Path) -> None:
    config = load_text(WATCH, tmp_path / "deploy.yml")
    web, database = config.environment("production").regions[0].hosts
    assert config.checks("production", web) == (
        Check(
            Kind.HTTP,
            "http://192.0.2.10:8080/health",
            "http://{address}:8080/health",
            status="200",
            body="{ok}",
            within_seconds=2.0,
            on_host=True,
            headers={"Host": "eu.example.com"},
        ),
        Check(
            Kind.TCP,
            "192.0.2.10:5432",
            "{address}:5432",
            position=1,
            interval_seconds=0.5,
            successes=3,
            failures=0,
            timeout_seconds=1.0,
        ),
        Check(
            Kind.COMMAND,
            'test "${REGION}" = eu',
            'test "${REGION}" = eu',
            position=2,
            roles=("web",),
            on_host=True,
        ),
    )
    assert [check.what for check in config.checks("production", database)] == [
        "http://[2001:db8::1]:8080/health",
        "[2001:db8::1]:5432",
    ]


def test_a_later_layer_replaces_what_is_watched(tmp_path: Path) -> None:
    config = load_text(WATCH, tmp_path / "deploy.yml")
    (host,) = config.environment("staging").regions[0].hosts
    assert [check.name for check in config.checks("staging", host)] == [
        "unit sample-staging.service",
        "process shared/run/app.pid",
    ]
    (row,) = config.explain("staging", host, "watch")
    assert (row.value, row.where) == (
        [{"unit": "sample-staging.service"}, {"process": "shared/run/app.pid"}],
        "deploy.yml:11",
    )


def test_wrong_checks_are_told_by_their_lines(tmp_path: Path) -> None:
    text = """\
app: sample
repo: .
deploy_to: /srv/sample
watch:
  - {http: "ftp://x", unit: x}
  - {http: "http://{adress}/"}
  - {tcp: 5432}
  - {tcp: localhost}
  - {unit: x, status: 200, from: host}
  - {http: "http://x/", status: 6xx, frm: host}
  - {process: ../app.pid}
  - {}
environments: {production: {hosts: [a]}}
"""
    assert problems(text, tmp_path) == [
        "deploy.yml:5 watch[0].http: it has to be a URL such as http://{address}:8080/health",
        (
            "deploy.yml:6 watch[1].http: there is no placeholder {adress}; there are app, environment, "
            "region, zone, host, address (write {{adress}} to mean it literally)"
        ),
        "deploy.yml:7 watch[2].tcp: it has to be a text; what looks like something else goes into quotes",
        ('deploy.yml:8 watch[3].tcp: it has to be an address and a port, such as "{address}:5432"'),
        "deploy.yml:9 watch[4]: a check of kind unit has no from and no status",
        "deploy.yml:10 watch[5].status: it has to be a status such as 200, or a class of them such as 2xx",
        "deploy.yml:10 watch[5].frm: there is no such key; did you mean from?",
        (
            "deploy.yml:11 watch[6].process: it has to be a path in deploy_to, an absolute one, "
            "or one below ~/, without .."
        ),
        (
            "deploy.yml:12 watch[7]: it needs exactly one of http, tcp, command, unit, process, "
            "graphite, prometheus"
        ),
    ]


def test_the_schema_takes_the_short_forms() -> None:
    forms = json_schema()["$defs"]
    assert [form.get("type") for form in forms["HostEntry"]["anyOf"]] == ["string", "object"]
    assert [form.get("type") for form in forms["CommandEntry"]["anyOf"]] == ["string", "object"]
    assert [form.get("type") for form in forms["WavesEntry"]["anyOf"]] == ["array", "object"]
