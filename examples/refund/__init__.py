"""A refund that a manager approves within a day; the money moves once. `python -m examples.refund` serves it."""
