"""Hosts: what they run, what they should run, and questions to them."""
