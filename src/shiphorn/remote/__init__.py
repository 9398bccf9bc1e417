"""Text for hosts: pure functions that build scripts and read what hosts answer."""
