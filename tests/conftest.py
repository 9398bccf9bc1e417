"""Fixtures that several rooms of tests share."""

pytest_plugins = [
    "tests.api_service",
    "tests.bots",
    "tests.chaos.table",
    "tests.databases",
    "tests.faults.table",
    "tests.graphite",
    "tests.forge_server",
    "tests.forge_service",
    "tests.little_web",
    "tests.oidc_provider",
    "tests.postgres",
    "tests.prometheus",
    "tests.running_service",
    "tests.service.town",
    "tests.sshd",
    "tests.statsd",
]
