"""One deploy as people see it: before it, while it goes on, and after it."""
