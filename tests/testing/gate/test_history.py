"""Histories as files: there and back, sealed and opened, newer and damaged."""

import msgspec
import pytest

from perdure import KeyMissing, start
from perdure.codec.keyring import KeyRing
from perdure.engine.log import read_log, to_events
from perdure.model.ids import RunId
from perdure.testing import Lab, lab
from perdure.testing.gate.history import FORMAT, HistoryInvalid, history_file, read_history
from perdure.world import Log
from tests.testing.kit.refunds import shout

pytestmark = pytest.mark.anyio
SECRET = "my very own words"
KEYS = KeyRing({"a": bytes(32)})


async def log_of(one: Lab, text: str = SECRET) -> Log:
    run = await start(shout, text)
    await run.result()
    return await read_log(one.bench.world, RunId(run.run_id))


async def test_there_and_back(lab: Lab) -> None:
    log = await log_of(lab, SECRET * 200)
    data = history_file(log, None)
    again = read_history(data, "a.jsonl")
    assert to_events(again) == to_events(log), "also what was compressed"
    assert (again.run.run_id, again.run.workflow, again.run.status) == (log.run.run_id, "lab:shout", "completed")
    title, created, *_ = data.splitlines()
    assert msgspec.json.decode(title) == {
        "perdureHistory": FORMAT,
        "runId": log.run.run_id,
        "workflow": "lab:shout",
        "status": "completed",
        "pin": "",
        "deployment": log.run.deployment,
        "events": len(log.rows),
    }
    assert SECRET.encode() in created, "a diff shows what changed"


async def test_what_is_sealed_stays_so_unless_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEYS", f"a:{bytes(32).hex()}")
    async with lab() as sealing:
        log = await log_of(sealing)
    monkeypatch.delenv("PERDURE_KEYS")
    sealed = history_file(log, None)
    assert SECRET.encode() not in sealed and b'"sealed":' in sealed
    assert to_events(read_history(sealed, "a.jsonl"), KEYS) == to_events(log, KEYS)
    opened = history_file(log, KEYS, opened=True)
    assert SECRET.encode() in opened and b'"sealed":' not in opened
    assert to_events(read_history(opened, "a.jsonl")) == to_events(log, KEYS)
    with pytest.raises(KeyMissing):
        history_file(log, None, opened=True)


async def test_what_cannot_be_read(lab: Lab) -> None:
    data = history_file(await log_of(lab), None)
    title, created, *rest = data.splitlines(keepends=True)
    newer = title.replace(b'"perdureHistory":1', b'"perdureHistory":2,"shape":"other"')
    for broken, reason in (
        (b"", "its first line is none that `perdure export` writes"),
        (b"{}\n", "its first line is none that `perdure export` writes"),
        (b'[{"perdureHistory":1}]', "its first line is none that `perdure export` writes"),
        (newer + created, "it is of format 2, this perdure knows up to 1: upgrade perdure here"),
        (title + created[:-9] + b"\n", "its line 2 is damaged ("),
        (title + created + b"".join(rest[:-1]), f"it should have the events 1 to {len(rest) + 1}, and has not"),
        (title + b"".join(rest), f"it should have the events 1 to {len(rest) + 1}, and has not"),
        (title + created.replace(b"run_created", b"run_started") + b"".join(rest), "a log begins with run_created"),
    ):
        with pytest.raises(HistoryInvalid) as invalid:
            read_history(broken, "a.jsonl")
        assert invalid.value.path == "a.jsonl" and invalid.value.reason.startswith(reason)
        assert str(invalid.value).startswith("a.jsonl holds no history that can be read here: ")
