"""This project's documents, read although one can't be opened at first, and asked; and a folder without any."""

import tempfile
from pathlib import Path

from examples.evidence.ending import ended
from examples.ingestion import index
from examples.ingestion.workflows import ask, index_document, ingest
from perdure import get_step_metadata, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    with tempfile.TemporaryDirectory() as folder:
        index.FILE = Path(folder, "documents.db")
        with lab.replace(index_document, locked_at_first):
            read = await start(ingest, "docs/tutorial")
            await lab.advance("1m")
        await ended(read)
        await ended(
            await start(ask, [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "What is a step?"}]}])
        )  # type: ignore[list-item]
        await ended(await start(ingest, "requirements"))


def locked_at_first(folder: str, document: str) -> int:
    if get_step_metadata().attempt == 1:
        raise PermissionError(f"{document} is locked")
    return index_document.fn(folder, document)
