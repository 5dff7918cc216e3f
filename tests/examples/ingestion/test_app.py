"""The routes without a browser: a folder without documents fails at once, and its stream ends."""

from pathlib import Path

import pytest

from examples.ingestion import app
from perdure import RunFailed, get_run
from tests.examples.client import client_of
from tests.examples.conftest import Clock

pytestmark = pytest.mark.anyio


async def test_an_empty_folder(clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DOCUMENTS", tmp_path)
    async with client_of(app.api) as client:
        run_id = (await client.post("/ingestions")).json()["runId"]
        with pytest.raises(RunFailed, match="there is no document in"):
            await get_run(run_id).result()
        stream = await client.get(f"/ingestions/{run_id}/stream", headers={"accept": "text/event-stream"})
        assert stream.status_code == 204  # nothing left to come: an EventSource then asks no more
        assert (await client.get("/")).text.startswith("<!doctype html>")
