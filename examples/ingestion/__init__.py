"""Documents are read into an index, while a page shows how far it is; an agent answers from it, and says where from.

`python -m examples.ingestion` reads the project's own documents, and asks two questions; with `--serve` there is a page.
"""
