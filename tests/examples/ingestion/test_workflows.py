"""Ingested, again after changes, with a document that can't be read, with a death at any append; and asked."""

from pathlib import Path
from typing import Any

import pytest

from examples.ingestion import index
from examples.ingestion.workflows import Answer, Ingested, Progress, ask, index_document, ingest, search_docs
from perdure import start
from perdure.testing import Lab
from tests.examples.ingestion.contents import WHOLE, contents

pytestmark = pytest.mark.anyio


def asking(*texts: str) -> list[dict[str, Any]]:
    """What a client sends: its questions so far."""
    return [
        {"id": str(number), "role": "user", "parts": [{"type": "text", "text": text}]}
        for number, text in enumerate(texts)
    ]


async def test_a_folder_is_ingested_and_each_document_told(lab: Lab, folder: Path) -> None:
    run = await start(ingest, str(folder))
    assert await run.result() == Ingested(documents=3, chunks=4, failed=[])
    assert contents() == WHOLE
    told = [progress async for progress in run.readable(Progress)]
    assert [(each.done, each.total) for each in told] == [(0, 3), (1, 3), (2, 3), (3, 3), (3, 3)]
    assert sorted(each.text for each in told[1:4]) == [
        "apples.md: 2 chunks",
        "boats.md: 1 chunks",
        "deep/cats.md: 1 chunks",
    ]
    assert told[4].text == "done: 4 chunks of 3 documents; failed: 0, gone: 0"


async def test_it_is_ingested_again(lab: Lab, folder: Path) -> None:
    await (await start(ingest, str(folder))).result()
    (folder / "apples.md").write_text("# Pears\n\nA pear.\n", encoding="utf-8")
    (folder / "boats.md").unlink()
    (folder / "dogs.md").write_text("# Dogs\n\nA dog.\n", encoding="utf-8")
    run = await start(ingest, str(folder))
    assert await run.result() == Ingested(documents=3, chunks=3, failed=[])
    assert contents() == [("apples.md", "Pears", "A pear."), WHOLE[3], ("dogs.md", "Dogs", "A dog.")]
    assert [each.text async for each in run.readable(Progress)][-1].endswith("failed: 0, gone: 1")


async def test_an_old_run_that_goes_on_forgets_nothing_new(lab: Lab, folder: Path) -> None:
    async def away(folder: str, document: str) -> int:
        raise OSError("the disk is away")

    with lab.replace(index_document, away):
        old = await start(ingest, str(folder))
        await lab.rest()  # it has listed the documents, and waits to try them again
        (folder / "new.md").write_text("# New\n\nIt is new.\n", encoding="utf-8")
    await (await start(ingest, str(folder))).result()
    await lab.advance("10s")
    await old.result()
    assert ("new.md", "New", "It is new.") in contents()


async def test_one_document_that_fails_leaves_the_others_in(lab: Lab, folder: Path) -> None:
    await (await start(ingest, str(folder))).result()
    (folder / "boats.md").write_bytes(b"# Boats\n\nA sh\xffip.")
    (folder / "apples.md").write_text("# Pears\n\nA pear.\n", encoding="utf-8")
    run = await start(ingest, str(folder))
    assert await run.result() == Ingested(documents=2, chunks=2, failed=["boats.md"])
    assert contents() == [("apples.md", "Pears", "A pear."), *WHOLE[2:]], "it has what it said before"
    told = [each.text async for each in run.readable(Progress)]
    assert "boats.md failed: it is no text in UTF-8: invalid start byte at byte 13" in told
    assert [call.attempt for call in lab.calls(index_document) if call.arguments["document"] == "boats.md"] == [1, 1]


async def test_a_disk_that_is_away_is_tried_again(lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take, failures = index.take, iter([OSError("the disk is away"), OSError("the disk is away")])

    def flaky(folder: Path, document: str) -> int:
        if document == "boats.md" and (failure := next(failures, None)):
            raise failure
        return take(folder, document)

    monkeypatch.setattr(index, "take", flaky)
    run = await start(ingest, str(folder))
    await lab.advance("4s")
    assert await run.result() == Ingested(documents=3, chunks=4, failed=[])
    assert contents() == WHOLE


async def test_a_crash_anywhere_leaves_each_chunk_once(lab: Lab, folder: Path) -> None:
    run = await start(ingest, str(folder))
    await run.result()
    await lab.crash_everywhere(run)
    await lab.replay(run)
    assert contents() == WHOLE


async def test_the_agent_answers_from_what_it_finds(lab: Lab, folder: Path) -> None:
    await (await start(ingest, str(folder))).result()
    run = await start(ask, asking("Where are apples kept?"))
    answer = await run.result()
    assert answer.text.strip() == "Apples are kept in a cold cellar. [apples.md › Apples › Storing]"
    assert answer.sources == ["apples.md › Apples › Storing"]
    assert [call.arguments for call in lab.calls(search_docs)] == [{"query": "Where are apples kept?"}]
    await lab.crash_everywhere(run)
    await lab.replay(run)


async def test_the_agent_says_that_it_doesnt_know(lab: Lab, folder: Path) -> None:
    unknown = Answer("The documents don't say. ", [])
    assert await (await start(ask, asking("Where are apples kept?"))).result() == unknown, "nothing is ingested yet"
    await (await start(ingest, str(folder))).result()
    assert await (await start(ask, asking("Who invented the zebra?"))).result() == unknown


async def test_each_question_is_searched_for(lab: Lab, folder: Path) -> None:
    await (await start(ingest, str(folder))).result()
    run = await start(ask, asking("Where are apples kept?", "How is a boat moored?"))
    assert (await run.result()).sources == ["boats.md › Boats"]


async def test_the_agent_says_that_it_cannot_search(lab: Lab, index_file: Path) -> None:
    index_file.parent.mkdir()
    index_file.write_text("This is no database at all. " * 50, encoding="utf-8")
    run = await start(ask, asking("Where are apples kept?"))
    await lab.advance("1m")
    assert (await run.result()).text.startswith("I can't search now. ")
    assert [call.attempt for call in lab.calls(search_docs)] == [1, 2, 3, 4]
