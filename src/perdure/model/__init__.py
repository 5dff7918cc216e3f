"""Frozen facts: ids, durations, retry policy, definitions, events. No clock, no randomness, no I/O."""
