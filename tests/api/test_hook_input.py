"""What goes into hooks, what people see of them, and what they are told when they ask for what can't be."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pydantic
import pytest

from perdure import (
    DuplicateName,
    DurationInvalid,
    EncodeError,
    Hook,
    HookDefinition,
    HookInfo,
    HookNotFound,
    NotInWorkflow,
    PayloadConflict,
    PayloadInvalid,
    UsageError,
    configure,
    create_hook,
    define_hook,
    get_hook,
    resume_hook,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.api.hook import DEFINITIONS, list_hooks
from tests.api.following import cause_of, facts, status_of, types_of, until, waiting_for

pytestmark = pytest.mark.anyio


@dataclass
class Approval:
    approved: bool
    by: str = "nobody"


class Order(pydantic.BaseModel):
    id: int
    tags: list[str] = []


class Point(msgspec.Struct):
    x: int
    y: int = 0


approvals = define_hook(Approval, prefix="approval")
anything = define_hook(prefix="anything")


async def opened(token: str) -> HookInfo:
    """The hook with this token, once it takes payloads."""

    async def is_there() -> bool:
        try:
            await get_hook(token)
        except HookNotFound:
            return False
        return True

    await until(is_there)
    return await get_hook(token)


# -- types


TYPES: dict[str, Any] = {
    "dataclass": Approval,
    "pydantic": Order,
    "struct": Point,
    "list": list[int],
    "dict": dict[str, Approval],
    "optional": int | None,
    "union": int | str,
    "literal": Literal["yes", "no"],
    "any": Any,
    "when": datetime,
}


@workflow
async def typed(kind: str) -> str:
    async with create_hook(TYPES[kind], token=kind) as waiting:
        return repr(await waiting)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("dataclass", Approval(approved=True, by="ann")),
        ("pydantic", Order(id=1, tags=["a"])),
        ("struct", Point(x=1, y=2)),
        ("list", [1, 2]),
        ("dict", {"o-1": Approval(approved=False)}),
        ("optional", None),
        ("optional", 3),
        ("union", "text"),
        ("literal", "yes"),
        ("any", {"nested": [1, {"deep": (1, 2)}]}),
        ("when", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
async def test_a_payload_of_each_type(kind: str, payload: Any) -> None:
    run = await start(typed, kind)
    await opened(kind)
    await resume_hook(kind, payload)
    assert await run.result() == repr(payload)


@pytest.mark.parametrize(
    ("kind", "plain", "value"),
    [
        ("dataclass", {"approved": True}, Approval(approved=True)),
        ("pydantic", {"id": 7}, Order(id=7)),
        ("struct", {"x": 1}, Point(x=1)),
        ("dict", {"o-1": {"approved": True, "by": "ann"}}, {"o-1": Approval(approved=True, by="ann")}),
    ],
)
async def test_plain_json_is_read_as_the_hooks_type(kind: str, plain: Any, value: Any) -> None:
    run = await start(typed, kind)
    await opened(kind)
    await resume_hook(kind, plain)
    assert await run.result() == repr(value)


async def test_without_a_payload_it_is_none() -> None:
    run = await start(typed, "any")
    await opened("any")
    await resume_hook("any")
    assert await run.result() == "None"


# -- payloads that don't fit


@workflow
async def approves(document: str) -> str:
    async with approvals.create(document, metadata={"document": document}) as approval:
        return (await approval).by


@pytest.mark.parametrize(
    ("payload", "path", "reason"),
    [
        ({"approved": 3}, 'payload["approved"]', "it is an int, where the annotation asks for bool"),
        ({"by": "ann"}, "payload", "approved"),
        ("yes", "payload", "it is a str, where the annotation asks for"),
        ({"approved": True, "by": ["ann"]}, 'payload["by"]', "it is a list, where the annotation asks for str"),
        (None, "payload", "it is"),
    ],
)
@pytest.mark.parametrize("by", ["definition", "token"])
async def test_where_the_type_is_known_nothing_is_written(payload: Any, path: str, reason: str, by: str) -> None:
    run = await start(approves, "d-1")
    await opened("approval:d-1")
    with pytest.raises(PayloadInvalid) as caught:
        await (approvals.resume("d-1", payload) if by == "definition" else resume_hook("approval:d-1", payload))
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason) or reason in caught.value.reason
    assert str(caught.value) == f"the payload doesn't fit: {path}: {caught.value.reason}"
    assert await facts(run, "hook_received") == []
    await approvals.resume("d-1", Approval(approved=True, by="ann"))
    assert await run.result() == "ann"


async def test_elsewhere_it_is_recorded_as_rejected_and_the_hook_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender's process knows no `define_hook` of this prefix."""
    run = await start(approves, "d-1")
    await opened("approval:d-1")
    monkeypatch.delitem(DEFINITIONS, "approval")
    await resume_hook("approval:d-1", {"approved": "perhaps"})
    await resume_hook("approval:d-1", {"approved": True, "by": "ann"})
    assert await run.result() == "ann"
    assert [{**data, "sentMs": 0} for data in await facts(run, "hook_received")] == [
        {
            "sentMs": 0,
            "payload": {"approved": "perhaps"},
            "rejected": 'payload["approved"]: it is a str, where the annotation asks for bool',
        },
        {"sentMs": 0, "payload": {"approved": True, "by": "ann"}},
    ]
    [hook] = (await run.hooks()).items
    assert hook.received == 1


@workflow
async def numbers() -> list[int]:
    async with create_hook(int, token="numbers", expires="0.3s") as waiting:
        return [number async for number in waiting]


async def test_iteration_passes_over_what_was_rejected() -> None:
    run = await start(numbers)
    await opened("numbers")
    for payload in (1, "two", 3):
        await resume_hook("numbers", payload)
    assert await run.result() == [1, 3]


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (object(), "payload"),
        ({"conn": object()}, 'payload["conn"]'),
        (Approval(approved=object()), "payload.approved"),  # type: ignore[arg-type]
    ],
)
async def test_what_cant_be_encoded(payload: Any, path: str) -> None:
    run = await start(typed, "any")
    await opened("any")
    with pytest.raises(EncodeError) as caught:
        await resume_hook("any", payload)
    assert caught.value.path == path
    assert await facts(run, "hook_received") == []


# -- whom nobody knows


async def test_an_unknown_token() -> None:
    for look in (resume_hook("nobody's", 1), get_hook("nobody's"), approvals.get("d-7"), anything.resume("x", 1)):
        with pytest.raises(HookNotFound) as caught:
            await look
        assert str(caught.value) == (
            "no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended"
        )


async def test_the_hook_of_a_run_that_has_ended() -> None:
    run = await start(typed, "any")
    await opened("any")
    await resume_hook("any", 1)
    await run.result()
    for look in (resume_hook("any", 2), get_hook("any")):
        with pytest.raises(HookNotFound):
            await look


# -- a second try with the same key


async def test_a_second_try_is_accepted_without_effect() -> None:
    run = await start(numbers)
    await opened("numbers")
    first = await resume_hook("numbers", 1, idempotency_key="k-1")
    again = await resume_hook("numbers", 1, idempotency_key="k-1")
    assert (again.run_id, again.hook_id) == (first.run_id, first.hook_id)
    await resume_hook("numbers", 1, idempotency_key="k-2")
    await resume_hook("numbers", 1)
    assert await run.result() == [1, 1, 1]


async def test_also_after_the_run_has_ended() -> None:
    run = await start(approves, "d-1")
    await opened("approval:d-1")
    await approvals.resume("d-1", Approval(approved=True, by="ann"), idempotency_key="k")
    await run.result()
    info = await approvals.resume("d-1", Approval(approved=True, by="ann"), idempotency_key="k")
    assert (info.run_id, info.status) == (run.run_id, "disposed")
    with pytest.raises(HookNotFound):
        await approvals.resume("d-1", Approval(approved=True, by="ann"), idempotency_key="another")
    assert len(await facts(run, "hook_received")) == 1


@pytest.mark.parametrize("token", ["any", "approval:d-1"])
async def test_the_same_key_with_another_payload(token: str) -> None:
    """Also once the first one has ended its run."""
    run = await (start(typed, "any") if token == "any" else start(approves, "d-1"))
    await opened(token)
    await resume_hook(token, {"approved": True}, idempotency_key="k")
    with pytest.raises(PayloadConflict):
        await resume_hook(token, {"approved": False}, idempotency_key="k")
    await run.result()
    with pytest.raises(PayloadConflict) as caught:
        await resume_hook(token, {"approved": False}, idempotency_key="k")
    assert str(caught.value) == (
        "the idempotency key 'k' was used with another payload: give the same payload, or another key"
    )


async def test_a_key_that_is_no_text() -> None:
    with pytest.raises(UsageError) as caught:
        await resume_hook("any", 1, idempotency_key=5)  # type: ignore[arg-type]
    assert str(caught.value) == "idempotency_key=5 is of type int: give a text, such as '5'"


# -- a blocked run


def deploy(*, other: bool) -> Any:
    @workflow(name="app:hook_blocked")
    async def flow() -> Any:
        if other:
            await sleep("1s")
        async with create_hook(token="kept") as waiting:
            return await waiting

    return flow


async def test_payloads_for_a_blocked_run_are_kept() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy(other=False))
        await opened("kept")
    deploy(other=True)
    async with worker():
        await resume_hook("kept", "while it wakes")
        await status_of(run, end="blocked")
        await resume_hook("kept", "while it is blocked")
        info = await run.info()
        assert info.divergence is not None
        assert (info.divergence.recorded, info.divergence.attempted[:11]) == ("hook kept", "sleep until")
    deploy(other=False)
    await run.retry()
    async with worker():
        assert await run.result() == "while it wakes"
    assert [fact["payload"] for fact in await facts(run, "hook_received")] == ["while it wakes", "while it is blocked"]


def deploy_token(token: str, metadata: Any = None) -> Any:
    @workflow(name="app:hook_changed")
    async def flow() -> Any:
        async with create_hook(token=token, metadata=metadata) as waiting:
            return await waiting

    return flow


@pytest.mark.parametrize(
    ("token", "metadata", "attempted"),
    [("other", {"n": 1}, 'hook other({"n":1})'), ("kept", {"n": 2}, 'hook kept({"n":2})')],
)
async def test_a_change_of_the_token_or_the_metadata_parks_the_run_with_both_sides(
    token: str, metadata: Any, attempted: str
) -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy_token("kept", {"n": 1}))
        await opened("kept")
    deploy_token(token, metadata)
    async with worker():
        await resume_hook("kept", 1)
        await status_of(run, end="blocked")
    divergence = (await run.info()).divergence
    assert divergence is not None
    assert (divergence.recorded, divergence.attempted, divergence.turn) == ('hook kept({"n":1})', attempted, 0)


# -- what people see


async def test_what_a_sender_sees() -> None:
    run = await start(approves, "d-1")
    found = await opened("approval:d-1")
    assert (found.run_id, found.token, found.metadata) == (run.run_id, "approval:d-1", {"document": "d-1"})
    assert (found.expires_at, found.webhook, found.status, found.received) == (None, False, "waiting", None)
    assert re.fullmatch("hook_[0-9A-Z]{26}", found.hook_id)
    assert found == await approvals.get("d-1")
    assert found == await approvals.resume("d-1", Approval(approved=True))
    [listed] = (await run.hooks()).items
    assert (listed.hook_id, listed.token, listed.metadata) == (found.hook_id, found.token, found.metadata)


async def test_as_json() -> None:
    run = await start(approves, "d-1")
    found = await opened("approval:d-1")
    assert found.as_json() == {
        "runId": run.run_id,
        "hookId": found.hook_id,
        "token": "approval:d-1",
        "metadata": {"document": "d-1"},
        "createdAt": found.created_at.isoformat().replace("+00:00", "Z"),
        "expiresAt": None,
        "webhook": False,
        "status": "waiting",
        "received": None,
    }


@workflow
async def expiring(token: str) -> Any:
    async with create_hook(token=token, expires="1h", metadata=(Approval(approved=True), {1, 2})) as waiting:
        return await waiting


async def test_when_it_expires_and_metadata_of_any_kind() -> None:
    await start(expiring, "t")
    found = await opened("t")
    assert found.expires_at is not None
    assert timedelta(minutes=59) < found.expires_at - found.created_at <= timedelta(hours=1)
    assert found.metadata == (Approval(approved=True), {1, 2})


async def test_what_the_run_says_that_it_waits_for() -> None:
    run = await start(expiring, "t")
    info = await waiting_for(run, "hook")
    [reason] = info.waiting_for
    assert (reason.kind, reason.detail) == ("hook", "a payload for hook t")
    assert reason.until == (await get_hook("t")).expires_at
    assert info.waiting_sentence.startswith("waiting for a payload for hook t, until ")


@workflow
async def secretive() -> Any:
    waiting = create_hook()
    assert repr(waiting) == "<hook 0/hook#0>"
    return await waiting


async def test_a_random_token_is_long_and_masked() -> None:
    run = await start(secretive)
    info = await waiting_for(run, "hook")
    [hook] = (await run.hooks()).items
    assert re.fullmatch("[A-Za-z0-9_-]{32}", hook.token)
    assert info.waiting_sentence == f"waiting for a payload for hook {hook.token[:8]}…"
    assert await get_hook(hook.token)
    await resume_hook(hook.token, "here")
    assert await run.result() == "here"


async def test_random_tokens_differ() -> None:
    runs = [await start(secretive) for _ in range(5)]
    for run in runs:
        await waiting_for(run, "hook")
    tokens = {(await run.hooks()).items[0].token for run in runs}
    assert len(tokens) == 5


@workflow
async def secretly_approved() -> list[bool]:
    async with approvals.create(metadata="first") as first, approvals.create() as second:
        return [(await first).approved, (await second).approved]


async def test_a_kind_of_hook_may_have_random_tokens_behind_its_prefix() -> None:
    run = await start(secretly_approved)
    while len(hooks := (await run.hooks()).items) < 2:
        await asyncio.sleep(0.01)
    assert all(re.fullmatch("approval:[A-Za-z0-9_-]{32}", hook.token) for hook in hooks)
    assert len({hook.token for hook in hooks}) == 2
    with pytest.raises(PayloadInvalid):
        await resume_hook(hooks[0].token, "of another kind")
    for hook in hooks:
        await resume_hook(hook.token, Approval(hook.metadata == "first"))
    assert await run.result() == [True, False]


@workflow
async def many(count: int, name: str) -> None:
    for number in range(count):
        create_hook(token=f"{name} {number}")
    await sleep("1h")


async def test_a_list_of_the_hooks_that_wait() -> None:
    first, second = await start(many, 3, "a"), await start(many, 2, "b")
    for run in (first, second):
        await waiting_for(run, "hook")
    listed = [hook.token async for hook in list_hooks(limit=2)]
    assert listed == ["b 1", "b 0", "a 2", "a 1", "a 0"]
    page = await list_hooks(limit=2)
    assert [hook.token for hook in page.items] == ["b 1", "b 0"]
    assert page.cursor is not None
    more = await list_hooks(limit=2, cursor=page.cursor)
    assert [hook.token for hook in more.items] == ["a 2", "a 1"]
    await second.cancel(grace=0)
    assert [hook.token async for hook in list_hooks()] == ["a 2", "a 1", "a 0"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"limit": 0}, "limit=0 asks for no hooks: give at least 1"),
        ({"cursor": "wrun_1"}, "cursor='wrun_1' is none that a page of hooks gave"),
        ({"cursor": "wrun_1:x"}, "cursor='wrun_1:x' is none that a page of hooks gave"),
    ],
)
async def test_a_bad_list(options: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        await list_hooks(**options)
    assert str(caught.value) == sentence


# -- kinds of hooks


def test_a_kind_of_hook() -> None:
    assert isinstance(approvals, HookDefinition)
    assert (approvals.prefix, approvals.type, approvals.token("d-1")) == ("approval", Approval, "approval:d-1")
    assert repr(approvals) == "<hooks approval:…>"
    assert approvals.token(7) == "approval:7"


@pytest.mark.parametrize("key", ["", None])
def test_an_empty_key(key: Any) -> None:
    if key is None:
        assert approvals.token(key) == "approval:None"
        return
    with pytest.raises(UsageError) as caught:
        approvals.token(key)
    assert str(caught.value) == "a hook of 'approval' was given an empty key: name what it is about"


@pytest.mark.parametrize(
    ("prefix", "sentence"),
    [
        ("", "prefix='' can't begin a token: give a word without colons"),
        ("a:b", "prefix='a:b' can't begin a token: give a word without colons"),
        (7, "prefix=7 is of type int: give a text, such as '7'"),
        ("\ud800", "prefix='\\ud800' holds half of a surrogate pair, which is no text: mend it first"),
    ],
)
def test_a_bad_prefix(prefix: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        define_hook(prefix=prefix)
    assert str(caught.value) == sentence


def test_a_prefix_has_one_type() -> None:
    with pytest.raises(DuplicateName) as caught:
        define_hook(Order, prefix="approval")
    assert str(caught.value) == (
        f"the name 'approval:' is defined twice: at a hook of {__name__}.Approval and at a hook of {__name__}.Order; "
        "give one of them name=…"
    )


def test_a_kind_that_is_defined_again_is_the_same() -> None:
    """A module that is reloaded."""
    again = define_hook(Approval, prefix="approval")
    assert (again.type, again.prefix) == (approvals.type, approvals.prefix)


# -- in the wrong place


async def test_only_a_workflow_waits() -> None:
    for create in (lambda: create_hook(token="t"), lambda: approvals.create("d-1")):
        with pytest.raises(NotInWorkflow) as caught:
            create()
        assert str(caught.value) == (
            "create_hook was called outside of a workflow: only a workflow waits for payloads; to send one use resume_hook"
        )


@step(max_retries=0)
async def creates_a_hook() -> None:
    create_hook(token="t")


@workflow
async def calls_it() -> None:
    await creates_a_hook()


async def test_a_step_doesnt_wait_either() -> None:
    assert isinstance(await cause_of(await start(calls_it)), NotInWorkflow)


@workflow
async def resumes_in_a_body(how: str) -> None:
    match how:
        case "resume":
            await resume_hook("t", 1)
        case "get":
            await get_hook("t")
        case _:
            await list_hooks()


@pytest.mark.parametrize("how", ["resume", "get", "list"])
async def test_a_body_reaches_no_other_run(how: str) -> None:
    error = await cause_of(await start(resumes_in_a_body, how))
    assert type(error) is UsageError
    assert str(error) == "this verb was called in a workflow's body: call it in a step"


# -- bad input


BAD: dict[str, Any] = {
    "empty token": lambda: create_hook(token=""),
    "long token": lambda: create_hook(token="x" * 513),
    "no text": lambda: create_hook(token=7),  # type: ignore[call-overload]
    "half a pair": lambda: create_hook(token="\ud800"),
    "metadata": lambda: create_hook(token="t", metadata={"conn": object()}),
    "expires": lambda: create_hook(token="t", expires="soon"),
}


@workflow
async def asks_badly(what: str) -> str:
    BAD[what]()
    return "accepted"


@pytest.mark.parametrize(
    ("what", "kind", "sentence"),
    [
        ("empty token", UsageError, "a token has 1 to 512 characters, this one has 0"),
        ("long token", UsageError, "a token has 1 to 512 characters, this one has 513"),
        ("no text", UsageError, "token=7 is of type int: give a text, such as '7'"),
        ("half a pair", UsageError, "token='\\ud800' holds half of a surrogate pair, which is no text: mend it first"),
        ("metadata", EncodeError, 'metadata["conn"] can\'t be recorded: '),
        ("expires", DurationInvalid, "'soon' is no duration: "),
    ],
)
async def test_a_hook_that_cant_be(what: str, kind: type, sentence: str) -> None:
    run = await start(asks_badly, what)
    error = await cause_of(run)
    assert isinstance(error, kind)
    assert str(error).startswith(sentence)
    assert "hook_created" not in await types_of(run)


@workflow
async def longest() -> Any:
    async with create_hook(token="x" * 512) as waiting:
        return await waiting


async def test_the_longest_token() -> None:
    run = await start(longest)
    await opened("x" * 512)
    await resume_hook("x" * 512, 1)
    assert await run.result() == 1


@workflow
async def odd_tokens() -> Any:
    hooks = [create_hook(token=token) for token in ODD]
    return await asyncio.gather(*hooks)


ODD = ["with spaces ", "ünï/çødé?#&%", "line\nbreak", "…:…:…", "\0"]


async def test_a_token_may_be_any_text() -> None:
    run = await start(odd_tokens)
    await opened(ODD[-1])
    for number, token in enumerate(ODD):
        await resume_hook(token, number)
    assert await run.result() == [0, 1, 2, 3, 4]


@workflow
async def expires_at_once(when: str) -> str:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    async with create_hook(token="t", expires=0 if when == "now" else past) as waiting:  # type: ignore[arg-type]
        async for _ in waiting:
            return "got something"
    return "expired"


@pytest.mark.parametrize("when", ["now", "past"])
async def test_a_hook_without_any_time_has_expired(when: str) -> None:
    assert await (await start(expires_at_once, when)).result() == "expired"


def test_a_hook_is_of_a_type() -> None:
    assert isinstance(Hook, type)
