"""A marketplace's escrow: two hooks and a deadline, and money that goes to exactly one side.

`python -m examples.escrow` serves it.
"""
