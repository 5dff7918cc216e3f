"""The engine: every await on a World is here. Ownership, turns, steps, waits, mail, group commit."""
