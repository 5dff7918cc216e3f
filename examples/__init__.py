"""Programs that show perdure at work; each folder is one, started with `python -m examples.<folder>`."""
