"""The ingestion: read every document of a folder, count its words into an index, tell how far it is."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from perdure import FatalError, get_writable, step, workflow

AT_ONCE = 4


@dataclass
class Progress:
    """`done` of `total` documents; what has just happened."""

    done: int
    total: int
    text: str


@dataclass
class Indexed:
    document: str
    words: int
    most: list[str]


@step
def list_documents(folder: str) -> list[str]:
    found = sorted(str(path) for path in Path(folder).rglob("*.md"))
    if not found:
        raise FatalError(f"there is no document in {folder}")
    return found


@step
def index(document: str) -> Indexed:
    words = Counter(re.findall(r"[a-z]{4,}", Path(document).read_text(encoding="utf-8").lower()))
    return Indexed(document, words.total(), [word for word, _ in words.most_common(3)])


@workflow
async def ingest(folder: str) -> int:
    progress = get_writable(Progress)
    documents = await list_documents(folder)
    await progress.write(Progress(0, len(documents), f"{len(documents)} documents found"))
    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(document: str) -> int:
        nonlocal done
        async with gate:
            indexed = await index(document)
        done += 1
        name = Path(document).name
        await progress.write(
            Progress(done, len(documents), f"{name}: {indexed.words} words, most of all {indexed.most[0]}")
        )
        return indexed.words

    words = sum(await asyncio.gather(*(one(document) for document in documents)))
    await progress.write(Progress(len(documents), len(documents), f"done: {words} words"))
    return words
