"""What an index holds; and a step that fills it as none should."""

from contextlib import closing
from pathlib import Path

import apsw

from examples.ingestion import index
from examples.ingestion.chunk import split

Row = tuple[str, str, str]


def contents() -> list[Row]:
    """Its chunks, each as often as it is there: document, heading, text."""
    with closing(apsw.Connection(str(index.FILE))) as connection:
        if not connection.table_exists(None, "chunks"):
            return []
        return sorted(connection.execute("SELECT document, heading, text FROM chunks"))


def add(folder: str, document: str) -> int:
    """The bug is that it doesn't look for what is there already."""
    chunks = split((Path(folder) / document).read_text(encoding="utf-8"))
    with closing(apsw.Connection(str(index.FILE))) as connection:
        for chunk in chunks:
            connection.execute("INSERT INTO chunks VALUES (?, ?, ?)", (document, chunk.heading, chunk.text))
    return len(chunks)


WHOLE: list[Row] = [
    ("apples.md", "Apples", "An apple a day keeps the doctor away."),
    ("apples.md", "Apples › Storing", "Apples are kept in a cold cellar."),
    ("boats.md", "Boats", "A boat is moored with two ropes."),
    ("deep/cats.md", "Cats", "A cat sleeps for most of the day."),
]
"""That of `folder`."""
