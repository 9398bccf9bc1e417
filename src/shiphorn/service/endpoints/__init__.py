"""Endpoints of branches: made, listed, extended, removed."""
