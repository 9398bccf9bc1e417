"""All robots of a service at work together."""
