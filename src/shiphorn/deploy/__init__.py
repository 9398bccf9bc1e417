"""The deploy: `pipeline.py` tells the story, a file a phase does the work."""
