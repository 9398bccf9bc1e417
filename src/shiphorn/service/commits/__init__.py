"""Commits: the graph, what one changes, and where it is live."""
