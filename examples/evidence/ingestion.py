"""This project's documents, read although one can't be opened at first; and a folder without any."""

from pathlib import Path

from examples.evidence.ending import ended
from examples.ingestion.workflows import Indexed, index, ingest
from perdure import get_step_metadata, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    with lab.replace(index, locked_at_first):
        read = await start(ingest, "docs/tutorial")
        await lab.advance("1m")
    await ended(read)
    await ended(await start(ingest, "requirements"))


def locked_at_first(document: str) -> Indexed:
    if get_step_metadata().attempt == 1:
        raise PermissionError(f"{Path(document).name} is locked")
    return index.fn(document)
