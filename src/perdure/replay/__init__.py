"""Replay: drives a workflow's body on a deterministic event loop that does no I/O, against the sans-IO machine."""
