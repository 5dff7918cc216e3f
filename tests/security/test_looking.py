"""What whoever lacks the key sees: that runs are there and locked, by which key, and no traceback."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure import (
    KeyMissing,
    close,
    configure,
    get_run,
    list_runs,
    resume_hook,
    start,
    worker,
)
from perdure.api.hook import list_hooks
from perdure.http import wrap
from tests.api.following import waiting_for
from tests.cli.shop import say
from tests.http.asgi import client
from tests.http.flows import anybody
from tests.security.flows import SECRET, TOKEN, parent, waiting

KEY = bytes(range(32)).hex()
REASON = (
    "it is sealed with the key '2026-01', which this process doesn't have: give it in configure(keys=…) or PERDURE_KEYS"
)


async def filled(url: str) -> tuple[str, str]:
    """A run that has ended, and one that waits for a payload."""
    configure(world=url, work=False, keys={"2026-01": KEY})
    async with worker():
        done, waits = await start(parent, SECRET, "large"), await start(waiting, SECRET)
        await waiting_for(done, "hook")
        await waiting_for(waits, "hook")
        await resume_hook(TOKEN, SECRET)
        await done.result()
    await close()
    return done.run_id, waits.run_id


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("PERDURE_KEYS", raising=False)
    url = f"sqlite:///{tmp_path}/perdure.db"
    monkeypatch.setenv("PERDURE_WORLD", url)
    return url


@pytest.fixture
async def runs(url: str, anyio_backend: str) -> AsyncIterator[tuple[str, str]]:
    made = await filled(url)
    configure(world=url, work=False)
    yield made
    await close()
    configure(world="memory://")


@pytest.mark.anyio
async def test_the_api_shows_what_is_known_and_names_the_key(runs: tuple[str, str]) -> None:
    done, waits = (get_run(run_id) for run_id in runs)
    info = await done.info()
    assert (info.locked, info.status, info.result, info.error) == (True, "completed", None, None)
    assert info.reason == f"run_completed can't be read back: {REASON}"
    assert info.waiting_sentence == ""
    info = await waits.info()
    assert (info.locked, info.status) == (True, "running")
    assert info.waiting_sentence == f"not known here: run_created can't be read back: {REASON}"
    assert {info.run_id for info in (await list_runs()).items if info.locked} >= set(runs)
    events = (await waits.events()).items
    assert [event.type for event in events[:2]] == ["run_created", "run_started"]
    assert {repr(event.data) for event in events} == {repr({"locked": REASON})}
    [hook] = (await list_hooks()).items
    assert (hook.run_id, hook.token) == (waits.run_id, "(unreadable)")
    assert [stream.namespace for stream in (await done.streams()).items] == [None, "steps"]


@pytest.mark.anyio
async def test_what_needs_a_payload_raises(runs: tuple[str, str]) -> None:
    done, waits = (get_run(run_id) for run_id in runs)
    for ask in (
        done.result,
        done.rerun,
        lambda: anext(done.readable()),
        done.steps().__aiter__().__anext__,
        waits.hooks().__aiter__().__anext__,
        waits.wake_up,
        lambda: waits.cancel(grace=0),
        lambda: resume_hook(f"later:{SECRET}", "yes"),
    ):
        with pytest.raises(KeyMissing) as caught:
            await ask()
        assert caught.value.key_id == "2026-01"


@pytest.mark.anyio
async def test_over_http_it_is_a_problem(runs: tuple[str, str]) -> None:
    app = wrap(None, routes=("runs", "hooks", "streams", "webhook"), authorize=anybody)
    async with client(app) as http:
        for method, path in (
            ("GET", f"/runs/{runs[0]}"),
            ("GET", f"/runs/{runs[1]}"),
            ("GET", f"/runs/{runs[0]}/stream"),
            ("GET", f"/runs/{runs[0]}/stream?namespace=steps&startIndex=-1"),
            ("POST", f"/hooks/later:{SECRET}"),
        ):
            answer = await http.request(method, path, json="yes" if method == "POST" else None)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json() == {
                "type": "urn:perdure:payload-locked",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "it is sealed with a key that isn't here",
            }


def test_the_command_line_lists_and_says_so(url: str, anyio_backend: str) -> None:

    done, waits = asyncio.run(filled(url))
    configure(world="memory://")
    listed = say("inspect", "runs", "--json", "--with-data")
    items = {item["runId"]: item for item in json.loads(listed.stdout)["items"]}
    assert {done, waits} <= set(items)
    assert all(item["locked"] and item["input"] is None for item in items.values())
    assert "the key '2026-01'" in items[done]["reason"]
    for words in ((), ("--with-data",)):
        shown = say("inspect", "run", waits, *words)
        assert shown.exit_code == 0
        assert "the key '2026-01'" in shown.stdout
        assert SECRET not in shown.output
    events = say("inspect", "events", done, "--json", "--with-data")
    assert events.exit_code == 0
    assert {event["data"]["locked"] for event in json.loads(events.stdout)["items"]} == {REASON}
    for words in (
        ("inspect", "steps", done),
        ("inspect", "hooks", waits),
        ("inspect", "waits", waits),
        ("stream", done),
        ("resume-hook", f"later:{SECRET}", '"yes"'),
    ):
        refused = say(*words)
        assert refused.exit_code == 2, words
        assert REASON in refused.stderr
        assert "Traceback" not in refused.output
    assert SECRET not in listed.output + shown.output + events.output


def test_the_command_line_takes_the_key_from_the_environment(
    url: str, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    done, waits = asyncio.run(filled(url))
    configure(world="memory://")
    monkeypatch.setenv("PERDURE_KEYS", f"2026-07:{bytes(32).hex()},2026-01:{KEY}")
    shown = say("inspect", "run", done, "--json", "--with-data")
    assert json.loads(shown.stdout)["input"] == {"canary": SECRET, "large": "large"}
    assert say("resume-hook", f"later:{SECRET}", '"yes"').exit_code == 0
    monkeypatch.setenv("PERDURE_KEYS", KEY)
    refused = say("inspect", "run", waits)
    assert refused.exit_code == 2
    assert KEY not in refused.output
    assert "these keys can't be used: number 1 has no name" in refused.stderr
