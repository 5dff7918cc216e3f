"""The routes without a browser: ingested through a crash, asked; a folder without documents fails at once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from examples.ingestion import app, index
from examples.ingestion.workflows import index_document
from perdure import RunFailed, get_run
from perdure.testing import Lab
from tests.examples.client import client_of
from tests.examples.ingestion.contents import WHOLE, contents

pytestmark = pytest.mark.anyio
ASKED = {"messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "How is a boat moored?"}]}]}


async def test_an_empty_folder(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DOCUMENTS", tmp_path)
    async with client_of(app.api) as client:
        run_id = (await client.post("/ingestions")).json()["runId"]
        with pytest.raises(RunFailed, match="there is no document in"):
            await get_run(run_id).result()
        stream = await client.get(f"/ingestions/{run_id}/stream", headers={"accept": "text/event-stream"})
        assert stream.status_code == 204  # nothing left to come: an EventSource then asks no more
        assert (await client.get(f"/ingestions/{run_id}")).json()["status"] == "failed"
        assert (await client.get("/")).text.startswith("<!doctype html>")


async def test_a_crash_in_the_middle(lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DOCUMENTS", folder)
    held = asyncio.Event()

    async def hang_at_the_last(folder: str, document: str) -> int:
        if document == "deep/cats.md" and not held.is_set():
            held.set()
            await asyncio.Event().wait()
        return index.take(Path(folder), document)

    lab.replace(index_document, hang_at_the_last)
    async with client_of(app.api) as client:
        run_id = (await client.post("/ingestions")).json()["runId"]
        await held.wait()
        await lab.crash()
        await get_run(run_id).result()
        looked = (await client.get(f"/ingestions/{run_id}")).json()
        assert looked["result"] == {"documents": 3, "chunks": 4, "failed": []}
        lines = (await client.get(f"/ingestions/{run_id}/stream")).text.splitlines()
        assert [json.loads(line)["done"] for line in lines] == [0, 1, 2, 3, 3]
        assert contents() == WHOLE


async def test_a_question_and_where_its_answer_is_from(lab: Lab, folder: Path) -> None:
    index.take(folder, "boats.md")
    async with client_of(app.api, host="127.0.0.1:8000") as client:
        answer = await client.post("/api/chat", content=json.dumps(ASKED))
        chunks: list[Any] = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: {")]
        [found] = [chunk["output"] for chunk in chunks if chunk["type"] == "tool-output-available"]
        assert found == [{"document": "boats.md", "heading": "Boats", "text": "A boat is moored with two ropes."}]
        said = "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")
        assert said.strip() == "A boat is moored with two ropes. [boats.md › Boats]"
        run_id = answer.headers["x-workflow-run-id"]
        again = await client.get(f"/api/chat/{run_id}/stream?startIndex=0")
        assert again.text == answer.text, "a page that is loaded again has the same"


async def test_a_foreign_page_may_not_ask(lab: Lab) -> None:
    async with client_of(app.api, host="127.0.0.1:8000", origin="https://elsewhere.example") as client:
        headers = {"content-type": "application/json"}
        assert (await client.post("/api/chat", content=json.dumps(ASKED), headers=headers)).status_code == 403
