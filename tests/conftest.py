"""Fixtures that several rooms of tests share."""

pytest_plugins = [
    "tests.chaos.table",
    "tests.databases",
    "tests.faults.table",
    "tests.postgres",
    "tests.sshd",
    "tests.web",
]
