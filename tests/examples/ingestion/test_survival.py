"""The ingestion where everything goes wrong that can, on real files; and with a bug planted, which is found."""

from pathlib import Path
from typing import Any

import pytest

from examples.ingestion.workflows import Indexed, index, ingest, list_documents
from perdure import workflow
from perdure.testing import Broken, Effects, simulate
from tests.examples.storms import storms


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abcdef":
        (tmp_path / f"{name}.md").write_text(f"hello {name} hello there", encoding="utf-8")
    return tmp_path


def test_it_comes_to_the_same_whatever_happens(folder: Path) -> None:
    survived = simulate(ingest, str(folder), seeds=storms(2))
    assert survived.outcome.end == "the result 18"
    assert survived.outcome.ran["examples.ingestion.workflows:index"] == 6


def test_an_empty_folder_comes_to_the_same_failure(tmp_path: Path) -> None:
    survived = simulate(ingest, str(tmp_path), seeds=storms(2))
    assert survived.outcome.end.startswith("the failure FatalError: there is no document in ")


indexed: dict[str, Indexed] = {}
"""What this process has indexed."""


@workflow(name="ingestion:remembers")
async def remembers(folder: str) -> int:
    """A bug: what the process remembers, another one doesn't, nor does a replay."""
    for document in await list_documents(folder):
        if document not in indexed:
            indexed[document] = await index(document)
    return sum(each.words for each in indexed.values())


def with_an_empty_memory(effects: Effects) -> dict[Any, Any]:
    indexed.clear()
    return {}


def test_a_body_that_remembers_is_found(folder: Path) -> None:
    with pytest.raises(Broken) as found:
        simulate(remembers, str(folder), steps=with_an_empty_memory)
    assert found.value.expected == "the result 18"
    assert "the code doesn't fit the log" in found.value.found
    assert len(found.value.faults) == 1
