"""The routes without a browser: a crash in the middle; a folder without documents fails at once, and its stream ends."""

import asyncio
import json
from pathlib import Path

import pytest

from examples.ingestion import app
from examples.ingestion.workflows import Indexed, index
from perdure import RunFailed, get_run
from perdure.testing import Lab
from tests.examples.client import client_of

pytestmark = pytest.mark.anyio


async def test_an_empty_folder(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DOCUMENTS", tmp_path)
    async with client_of(app.api) as client:
        run_id = (await client.post("/ingestions")).json()["runId"]
        with pytest.raises(RunFailed, match="there is no document in"):
            await get_run(run_id).result()
        stream = await client.get(f"/ingestions/{run_id}/stream", headers={"accept": "text/event-stream"})
        assert stream.status_code == 204  # nothing left to come: an EventSource then asks no more
        assert (await client.get("/")).text.startswith("<!doctype html>")


async def test_a_crash_in_the_middle(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.md").write_text(f"hello {name}", encoding="utf-8")
    monkeypatch.setattr(app, "DOCUMENTS", tmp_path)
    held = asyncio.Event()

    async def hang_at_the_last(document: str) -> Indexed:
        if document.endswith("f.md") and not held.is_set():
            held.set()
            await asyncio.Event().wait()
        return Indexed(document, 1, ["hello"])

    lab.replace(index, hang_at_the_last)
    async with client_of(app.api) as client:
        run_id = (await client.post("/ingestions")).json()["runId"]
        await held.wait()
        await lab.crash()
        assert await get_run(run_id, int).result() == 6
        lines = (await client.get(f"/ingestions/{run_id}/stream")).text.splitlines()
        assert [json.loads(line)["done"] for line in lines] == [0, 1, 2, 3, 4, 5, 6, 6]
        await lab.crash_everywhere(run_id)
