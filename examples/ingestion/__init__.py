"""Documents are indexed while a page shows how far it is, and goes on after a refresh.

`python -m examples.ingestion` serves it.
"""
