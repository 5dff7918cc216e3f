"""Values and bytes: what a log holds of the user's values, exceptions and calls. The format is in docs/payloads.md."""
