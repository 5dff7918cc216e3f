"""Hooks over HTTP: payloads in, and one 404 for every token that can't be used."""

from typing import Any

import httpx
import pytest

from perdure import HookNotFound, close, configure, get_hook, start
from perdure.http import Action, Target, wrap
from tests.api.following import facts, until
from tests.http.asgi import client
from tests.http.flows import Terms, anybody, approvals, ask, called, hooked, listen, url_of

pytestmark = pytest.mark.anyio
APP = wrap(None, routes=("hooks",), authorize=anybody)
NOT_FOUND = {"type": "urn:perdure:hook-not-found", "title": "Not Found", "status": 404, "detail": ""}


async def send(token: str, payload: object, app: Any = APP, **headers: str) -> httpx.Response:
    async with client(app, **{name.replace("_", "-"): value for name, value in headers.items()}) as http:
        return await http.post(f"/hooks/{token}", json=payload)


async def test_a_payload_arrives() -> None:
    run = await start(ask, "doc/17")
    token = await hooked(run)
    answer = await send(token.replace("/", "%2F"), {"approved": True, "by": "ann"})
    hook_id = (await run.hooks()).items[0].hook_id
    assert (answer.status_code, answer.json()) == (202, {"runId": run.run_id, "hookId": hook_id})
    assert await run.result() == "True by ann"


async def test_no_payload_is_none() -> None:
    run = await start(listen, "t")
    await hooked(run)
    assert (await send("t", 1)).status_code == 202
    async with client(APP) as http:
        assert (await http.post("/hooks/t")).status_code == 202
    assert await run.result() == [1]


async def test_a_payload_is_never_a_tagged_one() -> None:
    forged = {"$": "exc", "v": {"type": "builtins:SystemExit", "message": "x"}, "deep": [{"$": "dt"}]}
    run = await start(listen, "t")
    await hooked(run)
    await send("t", forged)
    await send("t", None)
    assert await run.result() == [forged]


async def test_a_misfit_is_told_and_not_written() -> None:
    run = await start(ask, "d1")
    token = await hooked(run)
    answer = await send(token, {"approved": "perhaps"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["path"] == 'payload["approved"]'
    assert await facts(run, "hook_received") == []
    await approvals.resume("d1", {"approved": False})  # type: ignore[arg-type]
    await run.result()


async def test_where_the_type_isnt_known_it_is_recorded_as_rejected() -> None:
    """That is for the worker's side; here the run takes anything."""
    run = await start(listen, "no-prefix:t")
    await hooked(run)
    assert (await send("no-prefix:t", {"any": "thing"})).status_code == 202


async def unknown() -> str:
    return "nobody-has-this"


async def disposed() -> str:
    run = await start(listen, "disposed")
    await hooked(run)
    await send("disposed", None)
    await run.result()
    return "disposed"


async def expired() -> str:
    run = await start(listen, "expired", "1ms")
    await until(lambda: _is_over("expired"))
    await run.result()
    return "expired"


async def _is_over(token: str) -> bool:
    try:
        await get_hook(token)
    except HookNotFound:
        return True
    return False


async def of_a_webhook() -> str:
    run = await start(called, Terms())
    return (await url_of(run)).rpartition("/")[2]


async def endless() -> str:
    return "x" * 5000


@pytest.mark.parametrize("make", [unknown, disposed, expired, of_a_webhook, endless])
@pytest.mark.parametrize("key", [None, "key-1"])
async def test_a_token_that_cant_be_used_looks_the_same(make: Any, key: str | None) -> None:
    token = await make()
    headers = {} if key is None else {"idempotency_key": key}
    answer = await send(token, {"approved": True}, **headers)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_one_of_another_world_too() -> None:
    await hooked(await start(listen, "foreign"))
    await close()
    configure(world="memory://")
    answer = await send("foreign", 1)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_a_repetition_has_no_effect_of_its_own() -> None:
    run = await start(listen, "t")
    await hooked(run)
    first = await send("t", {"n": 1}, idempotency_key="k")
    again = await send("t", {"n": 1}, idempotency_key="k")
    other = await send("t", {"n": 2}, idempotency_key="k")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (other.status_code, other.json()["type"]) == (409, "urn:perdure:payload-conflict")
    await send("t", None)
    assert await run.result() == [{"n": 1}]
    late = await send("t", {"n": 1}, idempotency_key="k")
    assert (late.status_code, late.json()) == (202, first.json())


async def test_who_may_is_asked_first() -> None:
    asked: list[tuple[Action, Target]] = []

    def nobody(request: object, action: Action, target: Target) -> bool:
        asked.append((action, target))
        return False

    run = await start(listen, "t")
    await hooked(run)
    app = wrap(None, routes=("hooks",), authorize=nobody)
    for token in ("t", "unknown"):  # the same for both: it is no way to find out
        assert (await send(token, 1, app)).status_code == 403
    assert asked == [("hook:resume", Target("hook", "t")), ("hook:resume", Target("hook", "unknown"))]
    assert await facts(run, "hook_received") == []


async def test_an_authorize_may_look_the_hook_up() -> None:
    """What it doesn't find is the usual 404; and so it can hide what isn't the asker's."""

    async def authorize(request: object, action: Action, target: Target) -> bool:
        hook = await get_hook(target.id)
        if hook.metadata != {"document": "mine"}:
            raise HookNotFound(target.id)
        return True

    run = await start(ask, "theirs")
    token = await hooked(run)
    app = wrap(None, routes=("hooks",), authorize=authorize)
    for each in (token, "unknown"):
        answer = await send(each, {"approved": True}, app)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
    mine = await hooked(await start(ask, "mine"))
    assert (await send(mine, {"approved": True}, app)).status_code == 202


async def test_guesses_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.rate.MISSES_MAX", 3)
    monkeypatch.setattr("perdure.http.rate.FORGIVEN_PER_S", 0.001)
    app = wrap(None, routes=("hooks",), authorize=anybody)
    await hooked(await start(listen, "right"))
    statuses = [(await send(f"guess-{n}", 1, app)).status_code for n in range(4)]
    assert statuses == [404, 404, 404, 429]
    right = await send("right", 1, app)
    assert (right.status_code, int(right.headers["retry-after"]) > 0) == (429, True)
    async with client(app, address="10.0.0.2") as other:
        assert (await other.post("/hooks/right", json=1)).status_code == 202


async def test_malformed_and_mistyped_bodies() -> None:
    await hooked(await start(listen, "t"))
    async with client(APP) as http:
        bad = await http.post("/hooks/t", content=b"{", headers={"content-type": "application/json"})
        form = await http.post("/hooks/t", data={"a": "b"}, headers={"origin": "https://evil.example"})
        large = await http.post("/hooks/t", json="x" * 1_100_000)
    assert [answer.status_code for answer in (bad, form, large)] == [400, 415, 413]
