"""The face that people talk to: in IRC channels, in Slack, in private messages."""
