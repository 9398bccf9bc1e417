"""Durable execution and fan-out over many hosts; knows nothing of deploys."""
