"""What any face may ask: actions change something, queries do not."""
