"""What is remembered: tables, migrations and queries."""
