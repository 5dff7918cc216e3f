"""The ingestion and its agent where everything goes wrong that can, on a real index; and planted bugs are found."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.ingestion import index
from examples.ingestion.chunk import Chunk, split
from examples.ingestion.workflows import ask, index_document, ingest, list_documents
from perdure import workflow
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.ingestion.contents import WHOLE, add, contents
from tests.examples.storms import storms

Prepare = Callable[[Effects], dict[Any, Any]]


@pytest.fixture
def an_old_index(folder: Path) -> Prepare:
    """With what the documents have said before, one that has gone among them; a write may be cut off in its middle."""
    (folder / "gone.md").write_text("# Gone\n\nIt isn't there any more.\n", encoding="utf-8")
    was = (folder / "boats.md").read_bytes()
    (folder / "boats.md").write_text("# Boats\n\nIt said something else.\n", encoding="utf-8")
    for document in ("boats.md", "gone.md"):
        index.take(folder, document)
    (folder / "boats.md").write_bytes(was)
    (folder / "gone.md").unlink()
    old = index.FILE.read_bytes()

    def prepare(effects: Effects) -> dict[Any, Any]:
        index.FILE.write_bytes(old)
        index.split = lambda text: Noted(effects, split(text))
        return {}

    return prepare


@pytest.fixture(autouse=True)
def whole_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "split", split)  # put back when the test is over


class Noted(list[Chunk]):
    """Each chunk that is written is a moment at which the worker may die."""

    def __init__(self, effects: Effects, chunks: list[Chunk]) -> None:
        super().__init__(chunks)
        self._effects = effects

    def __iter__(self) -> Iterator[Chunk]:
        for chunk in super().__iter__():
            self._effects.note(f"a chunk of {chunk.heading}")
            yield chunk


def whole(outcome: Outcome) -> None:
    assert '"documents":3,"chunks":4,"failed":[]' in outcome.end
    assert contents() == WHOLE, f"the index has {len(contents())} chunks"


def test_each_chunk_is_there_once_whatever_happens(folder: Path, an_old_index: Prepare) -> None:
    survived = simulate(ingest, str(folder), steps=an_old_index, seeds=storms(4), check=whole)
    assert survived.outcome.ran["examples.ingestion.workflows:index_document"] == 3
    assert survived.outcome.effects["a chunk of Apples › Storing"] == 1


def test_an_empty_folder_comes_to_the_same_failure(tmp_path: Path) -> None:
    survived = simulate(ingest, str(tmp_path), seeds=storms(4))
    assert survived.outcome.end.startswith("the failure FatalError: there is no document in ")


def test_a_document_that_fails_is_left_out_whatever_happens(folder: Path, an_old_index: Prepare) -> None:
    (folder / "boats.md").write_bytes(b"# Boats\n\xff")

    def books(outcome: Outcome) -> None:
        assert '"documents":2,"chunks":3,"failed":["boats.md"]' in outcome.end
        assert contents() == [*WHOLE[:2], ("boats.md", "Boats", "It said something else."), WHOLE[3]]

    simulate(ingest, str(folder), steps=an_old_index, seeds=storms(4), check=books)


def test_the_agent_gives_the_same_answer_whatever_happens(folder: Path) -> None:
    for document in ("apples.md", "boats.md"):
        index.take(folder, document)
    question = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Where are apples kept?"}]}
    survived = simulate(ask, [question], seeds=storms(4))
    assert '"sources":["apples.md › Apples › Storing"]' in survived.outcome.end
    assert survived.outcome.ran == {"librarian.model": 2, "examples.ingestion.workflows:search_docs": 1}


def test_a_step_that_adds_and_does_not_replace_is_found(folder: Path, an_old_index: Prepare) -> None:
    def adding(effects: Effects) -> dict[Any, Any]:
        an_old_index(effects)
        return {index_document: add}

    def books(outcome: Outcome) -> None:
        twice = len(contents()) - len(set(contents()))
        assert not twice, f"{twice} chunks are there twice"

    with pytest.raises(Broken, match=r"and \d chunks are there twice") as found:
        simulate(ingest, str(folder), steps=adding, check=books)
    [fault] = found.value.faults
    assert fault.startswith("worker 1, killed before commit of ") and "step_completed" in fault


indexed: dict[str, int] = {}
"""What this process has indexed."""


@workflow(name="ingestion:remembers")
async def remembers(folder: str) -> int:
    """A bug: what the process remembers, another one doesn't, nor does a replay."""
    for document in await list_documents(folder):
        if document not in indexed:
            indexed[document] = await index_document(folder, document)  # perdure: ignore[global-state]
    return sum(indexed.values())


def with_an_empty_memory(effects: Effects) -> dict[Any, Any]:
    indexed.clear()
    return {}


def test_a_body_that_remembers_is_found(folder: Path) -> None:
    with pytest.raises(Broken) as found:
        simulate(remembers, str(folder), steps=with_an_empty_memory)
    assert found.value.expected == "the result 4"
    assert "the code doesn't fit the log" in found.value.found
    assert len(found.value.faults) == 1
