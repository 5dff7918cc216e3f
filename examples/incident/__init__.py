"""An incident's response: people are paged in turn until one answers, and nothing is mended without a person's word.

`python -m examples.incident` serves it.
"""
