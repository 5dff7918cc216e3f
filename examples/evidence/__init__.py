"""Runs of each kind of the examples: what their scorecards look at, and whoever wants to see some in the inspector."""
