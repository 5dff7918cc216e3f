"""Documents are read into an index, which an agent searches for its answers."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from examples.ingestion import index, model
from examples.ingestion.index import Passage
from perdure import FatalError, get_writable, step, workflow
from perdure.agent import DurableAgent, UIMessage, UIMessageChunk

AT_ONCE = 4
INSTRUCTIONS = (
    "You answer questions about a library of documents. Search them before you answer, say nothing that isn't in what you "
    "found, and name behind each sentence where it is from, as [document › heading]. Where they don't say, say that."
)


@dataclass
class Progress:
    """`done` of `total` documents; what has just happened."""

    done: int
    total: int
    text: str


@dataclass
class Ingested:
    """What the index holds. `failed`: documents that couldn't be read, of which it has what they said before."""

    documents: int
    chunks: int
    failed: list[str]


@dataclass
class Answer:
    """`sources`: where it is from, of what was found: nothing that a model has made up."""

    text: str
    sources: list[str] = field(default_factory=list)


@step
def list_documents(folder: str) -> list[str]:
    root = Path(folder)
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.md"))
    if not found:
        raise FatalError(f"there is no document in {folder}")
    return found


@step
def index_document(folder: str, document: str) -> int:
    """How many chunks it has. A second time, it takes the place of what the first has written."""
    try:
        return index.take(Path(folder), document)
    except UnicodeDecodeError as error:
        raise FatalError(f"it is no text in UTF-8: {error.reason} at byte {error.start}") from error


@step
def forget_missing(folder: str) -> list[str]:
    """Which they were: by what is there now, not when the run began, so that an old run forgets nothing that is new."""
    return index.drop_missing(Path(folder))


@workflow
async def ingest(folder: str) -> Ingested:
    """Have the index say what the documents of a folder say now. One that can't be read is no reason to leave others out."""
    progress = get_writable(Progress)
    documents = await list_documents(folder)
    await progress.write(Progress(0, len(documents), f"{len(documents)} documents found"))
    gate, chunks, failed = asyncio.Semaphore(AT_ONCE), dict[str, int](), list[str]()

    async def one(document: str) -> None:
        try:
            async with gate:
                chunks[document] = await index_document(folder, document)
            told = f"{document}: {chunks[document]} chunks"
        except (FatalError, OSError) as error:
            failed.append(document)
            told = f"{document} failed: {error}"
        await progress.write(Progress(len(chunks) + len(failed), len(documents), told))

    await asyncio.gather(*(one(document) for document in documents))
    gone = await forget_missing(folder)
    ingested = Ingested(len(chunks), sum(chunks.values()), sorted(failed))
    told = f"done: {ingested.chunks} chunks of {ingested.documents} documents; failed: {len(failed)}, gone: {len(gone)}"
    await progress.write(Progress(len(documents), len(documents), told))
    return ingested


@step
def search_docs(query: str) -> list[Passage]:
    """Search the documents: the passages that fit best, with where they are from."""
    return index.search(query)


@workflow
async def ask(messages: list[UIMessage]) -> Answer:
    agent = DurableAgent(model.chosen(), instructions=INSTRUCTIONS, tools=[search_docs], name="librarian")
    answer = await agent.stream(messages, writable=get_writable(UIMessageChunk))
    given = [result.content for result in answer.tool_results if isinstance(result.content, list)]
    found = [each.source for passages in given for each in passages if isinstance(each, Passage)]
    return Answer(answer.text, [source for source in dict.fromkeys(found) if f"[{source}]" in answer.text])
