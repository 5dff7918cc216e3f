"""The provider's books: what it did, one JSON object a line, only ever added to, on disk before anyone is told.

The demo's audit trusts these and nothing else: perdure has no hand in them.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One thing that the provider did.

    `kind` is charge, refund, reservation, release or mail; `key` is the caller's idempotency key; `amount` is 0.00
    where no money moved; `undoes` is the id of the entry that a refund or a release takes back.
    """

    id: str
    kind: str
    order: str
    key: str
    amount: str = "0.00"
    undoes: str = ""


class Ledger:
    """The books, open for writing. Not safe for several threads: the provider holds a lock."""

    def __init__(self, path: Path) -> None:
        self.entries = read_ledger(path) if path.exists() else []
        self._file = path.open("a", encoding="utf-8")

    def append(self, entry: Entry) -> None:
        """Returns once the entry is on disk."""
        self._file.write(json.dumps(asdict(entry)) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries.append(entry)

    def close(self) -> None:
        """Nothing is lost without it."""
        self._file.close()


def read_ledger(path: Path) -> list[Entry]:
    """All entries, oldest first. Raises: OSError, ValueError or TypeError if it was tampered with clumsily."""
    with path.open(encoding="utf-8") as file:
        return [Entry(**json.loads(line)) for line in file]
