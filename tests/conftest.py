"""Fixtures that several rooms of tests share."""

pytest_plugins = [
    "tests.chaos.table",
    "tests.faults.table",
    "tests.oidc_provider",
    "tests.postgres",
    "tests.sshd",
    "tests.web",
]
