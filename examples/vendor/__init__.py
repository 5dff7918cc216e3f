"""A parcel whose carrier calls back: signed webhooks, each exactly once. `python -m examples.vendor` serves it."""
