"""The config file: its schema, reading it with every problem at once, and its layers."""
