"""Fixtures that several rooms of tests share."""

pytest_plugins = ["tests.postgres", "tests.sshd", "tests.web"]
