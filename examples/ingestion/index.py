"""The index: chunks of documents, in a file of SQLite, found by their words and ranked by BM25 (FTS5).

What a document says is replaced in one transaction, whole or not at all: to do it again, after a crash say, changes nothing.
For a search by meaning a column with a vector goes here, filled by `take`: its step is retried already.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from examples.ingestion.chunk import split

FILE = Path(".perdure/documents.db")
BUSY_MS = 5000
FOUND_MAX = 5
_SCHEMA = """
    CREATE VIRTUAL TABLE IF NOT EXISTS chunks USING fts5(document UNINDEXED, heading, text, tokenize = 'porter unicode61')
"""
_FIND = """
    SELECT document, heading, text FROM chunks WHERE chunks MATCH ?
    ORDER BY bm25(chunks, 0, 3, 1), document, rowid LIMIT ?
"""
_SMALL = re.compile(
    "a|an|and|are|as|at|be|by|can|do|does|for|from|has|have|how|i|if|in|is|it|its|my|not|of|on|or|that|the|them|there|"
    "they|this|to|was|what|when|where|which|who|why|will|with|you|your"
)


@dataclass(frozen=True)
class Passage:
    """What was found, and where."""

    document: str
    heading: str
    text: str

    @property
    def source(self) -> str:
        """How an answer cites it."""
        return f"{self.document} › {self.heading}"


def words_of(text: str) -> list[str]:
    """Those that say what it is about."""
    return [word for word in re.findall(r"\w+", text.lower()) if not _SMALL.fullmatch(word)]


def take(folder: Path, document: str) -> int:
    """Have the index hold what the document says now, instead of what it said before; how many chunks that is.

    Raises: OSError, UnicodeDecodeError.
    """
    with _writing() as connection:
        text = (folder / document).read_text(
            encoding="utf-8"
        )  # while nobody else writes: what is written last was read last
        chunks = split(text)
        connection.execute("DELETE FROM chunks WHERE document = ?", (document,))
        rows = ((document, chunk.heading, chunk.text) for chunk in chunks)
        connection.executemany("INSERT INTO chunks (document, heading, text) VALUES (?, ?, ?)", rows)
        return len(chunks)


def drop_missing(folder: Path) -> list[str]:
    """Forget the documents that aren't there any more; which those were."""
    with _writing() as connection:
        held = connection.execute("SELECT DISTINCT document FROM chunks ORDER BY document").fetchall()
        gone = [str(document) for (document,) in held if not (folder / str(document)).exists()]
        connection.executemany("DELETE FROM chunks WHERE document = ?", ((document,) for document in gone))
        return gone


def search(query: str) -> list[Passage]:
    """The passages that have its words, in any form of them, the best first."""
    words = " OR ".join(f'"{word}"' for word in words_of(query))
    with _opened() as connection:
        if not words or not connection.table_exists(None, "chunks"):  # nothing was ever put
            return []
        return [Passage(*map(str, row)) for row in connection.execute(_FIND, (words, FOUND_MAX))]


@contextmanager
def _opened() -> Iterator[apsw.Connection]:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with closing(apsw.Connection(str(FILE))) as connection:
        connection.set_busy_timeout(BUSY_MS)
        yield connection


@contextmanager
def _writing() -> Iterator[apsw.Connection]:
    """All of it, or nothing: who closes before COMMIT, or dies, has written nothing."""
    with _opened() as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_SCHEMA)
        yield connection
        connection.execute("COMMIT")
