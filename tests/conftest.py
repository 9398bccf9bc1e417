"""Fixtures that several rooms of tests share."""

pytest_plugins = ["tests.sshd", "tests.web"]
