"""Hooks, as people wait with them: payloads in order, tokens taken and freed, ends; each in every way that a run may go."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from perdure import (
    FatalError,
    HookConflict,
    HookExpired,
    HookNotFound,
    Retry,
    Run,
    RunCancelled,
    RunFailed,
    UsageError,
    create_hook,
    get_hook,
    get_step_metadata,
    race,
    resume_hook,
    sleep,
    start,
    step,
    timeout,
    workflow,
)
from tests.api.following import status_of, types_of
from tests.api.ways import hooks_of, in_every_way, once, open_hook, received

seen: list[Any] = []
broken: set[str] = set()


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


def clean() -> None:
    seen.clear()
    broken.clear()


@dataclass
class Approval:
    approved: bool
    by: str = "nobody"


@step(name="hooks:goes")
async def goes(what: str) -> str:
    return what


@step(name="hooks:slow")
async def slow(what: str) -> str:
    await asyncio.sleep(0.5)
    return what


# -- payloads


@workflow(name="hooks:late")
async def late(token: str) -> list[Any]:
    """Works before it waits."""
    waiting = create_hook(token=token)
    await slow("works")
    return [await waiting, await waiting, await waiting]


def test_payloads_that_come_before_the_body_waits_are_kept_in_order() -> None:
    async def act() -> Any:
        run = await start(late, "t")
        await open_hook("t")
        for number in range(3):
            await resume_hook("t", number)
        return await run.result()

    in_every_way(act, late, slow, gives=[0, 1, 2])


@workflow(name="hooks:approving")
async def approving(document: str) -> str:
    async with create_hook(Approval, token=f"approval:{document}") as approval:
        await goes(approval.token)
        decision = await race(approval, sleep("24h", result=Approval(approved=False)))
    await goes("then")
    return f"{decision.approved} by {decision.by}"


def test_a_decision() -> None:
    async def act() -> Any:
        run = await start(approving, "d-1")
        await open_hook("approval:d-1")
        await resume_hook("approval:d-1", Approval(approved=True, by="ann"))
        return await run.result()

    in_every_way(act, approving, goes, gives="True by ann")


def test_a_payload_wakes_a_run_that_sleeps() -> None:
    async def act() -> Any:
        run = await start(approving, "d-1")
        await open_hook("approval:d-1")
        await asyncio.sleep(5)  # it has left memory: nothing is due for a day
        await resume_hook("approval:d-1", Approval(approved=True, by="ann"))
        return await run.result()

    in_every_way(act, approving, goes, gives="True by ann")


@workflow(name="hooks:default")
async def defaults(document: str) -> Any:
    async with create_hook(token=document) as approval:
        return await race(approval, sleep("2s", result="nobody came"))


def test_nobody_comes() -> None:
    async def act() -> Any:
        run = await start(defaults, "d-1")
        await open_hook("d-1")
        given = await run.result()
        with pytest.raises(HookNotFound):
            await resume_hook("d-1", "too late")
        return given

    in_every_way(act, defaults, gives="nobody came")


@workflow(name="hooks:two")
async def two(first: str, second: str) -> list[Any]:
    """Two hooks race, again and again: nothing is lost, whoever wins."""
    a, b = create_hook(token=first), create_hook(token=second)
    return [await race(a, b) for _ in range(3)] + [await goes("between")] + [await race(a, b) for _ in range(3)]


@pytest.mark.parametrize("order", ["ababab", "aaabbb", "babaab", "bbbaaa"])
def test_losers_of_races_swallow_nothing_in_any_order(order: str) -> None:
    """Each payload is taken once, those of one hook in order."""

    async def act() -> Any:
        run = await start(two, "a", "b")
        await open_hook("b")
        for number, token in enumerate(order):
            await resume_hook(token, f"{token}{number}")
        taken = [each for each in await run.result() if each != "between"]
        return [sorted(taken), [each for each in taken if each[0] == "a"], [each for each in taken if each[0] == "b"]]

    sent = [f"{token}{number}" for number, token in enumerate(order)]
    a, b = ([each for each in sent if each[0] == token] for token in "ab")
    in_every_way(act, two, goes, gives=[sorted(sent), a, b])


@workflow(name="hooks:poll")
async def poll(token: str) -> list[Any]:
    async with create_hook(str, token=token) as ballot:
        votes: list[str] = []
        async for vote in ballot:
            if vote == "close":
                break
            votes.append(await goes(vote))
    return votes


def test_many_senders_at_once() -> None:
    async def act() -> Any:
        run = await start(poll, "p")
        await open_hook("p")
        await asyncio.gather(*(resume_hook("p", f"vote {number}") for number in range(20)))
        await resume_hook("p", "close")
        votes = await run.result()
        logged = [event.data["payload"] async for event in run.events() if event.type == "hook_received"]
        assert logged[:-1] == votes, "as the log has them"
        return sorted(votes)

    in_every_way(act, poll, goes, gives=sorted(f"vote {number}" for number in range(20)))


def test_payloads_sent_together_by_one_sender_keep_their_order() -> None:
    async def act() -> Any:
        run = await start(poll, "p")
        await open_hook("p")
        for text in ("c", "a", "b", "close"):
            await resume_hook("p", text)
        return await run.result()

    in_every_way(act, poll, goes, gives=["c", "a", "b"])


# -- registration


@step(name="hooks:resumes_itself")
async def resumes_itself(token: str) -> None:
    """The vendor answers at once."""
    await resume_hook(token, "answered at once")


@workflow(name="hooks:asks_a_vendor")
async def asks_a_vendor() -> Any:
    waiting = create_hook()
    await resumes_itself(waiting.token)
    return await waiting


def test_a_hook_is_registered_before_a_later_step_begins() -> None:
    async def act() -> Any:
        return await (await start(asks_a_vendor)).result()

    in_every_way(act, asks_a_vendor, resumes_itself, gives="answered at once")


@workflow(name="hooks:asks_in_a_branch")
async def asks_in_a_branch(token: str) -> Any:
    """The step is called before the hook is created, in the same turn."""

    async def wait() -> Any:
        return await create_hook(token=token)

    return (await asyncio.gather(resumes_itself(token), wait()))[1]


def test_also_before_one_that_another_branch_called_in_the_same_turn() -> None:
    async def act() -> Any:
        return await (await start(asks_in_a_branch, "t")).result()

    in_every_way(act, asks_in_a_branch, resumes_itself, gives="answered at once")


# -- taken tokens


@workflow(name="hooks:holds")
async def holds(token: str) -> Any:
    async with create_hook(token=token) as waiting:
        return await waiting


@workflow(name="hooks:meets_on_entering")
async def meets_on_entering(token: str) -> str:
    try:
        async with create_hook(token=token):
            return "entered"
    except HookConflict as error:
        return await goes(f"{error.token} is {error.owner_run_id}'s")


@workflow(name="hooks:meets_at_await")
async def meets_at_await(token: str) -> list[str]:
    waiting = create_hook(token=token)
    first = await goes("unharmed")
    try:
        await waiting
    except HookConflict as error:
        return [first, f"{error.token} is {error.owner_run_id}'s"]
    return [first]


async def _holding(token: str) -> Run[Any]:
    run = await start(holds, token)
    await open_hook(token)
    return run


def test_a_taken_token_is_told_on_entering_the_block() -> None:
    async def act() -> Any:
        holder = await _holding("t")
        told = await (await start(meets_on_entering, "t")).result()
        await resume_hook("t", "still mine")
        return told == f"t is {holder.run_id}'s", await holder.result()

    in_every_way(act, holds, meets_on_entering, goes, gives=(True, "still mine"))


def test_without_a_block_it_is_told_at_the_first_await() -> None:
    async def act() -> Any:
        holder = await _holding("t")
        told = await (await start(meets_at_await, "t")).result()
        await resume_hook("t", "still mine")
        return told == ["unharmed", f"t is {holder.run_id}'s"], await holder.result()

    in_every_way(act, holds, meets_at_await, goes, gives=(True, "still mine"))


@workflow(name="hooks:meets_itself")
async def meets_itself(token: str) -> Any:
    async with create_hook(token=token) as waiting:
        try:
            async with create_hook(token=token):
                return "entered"
        except HookConflict:
            return await waiting


def test_a_run_meets_its_own_token() -> None:
    async def act() -> Any:
        run = await start(meets_itself, "t")
        await open_hook("t")
        await resume_hook("t", "the first hook's")
        return await run.result()

    in_every_way(act, meets_itself, gives="the first hook's")


def test_an_uncaught_conflict_fails_the_run() -> None:
    async def act() -> Any:
        holder = await _holding("t")
        with pytest.raises(RunFailed) as caught:
            await (await start(holds, "t")).result()
        error = caught.value.__cause__
        assert isinstance(error, HookConflict)
        assert str(error) == (
            f"the token 't' belongs to a hook of run {holder.run_id}: wait until it is disposed, or choose another"
        )
        return error.owner_run_id == holder.run_id

    in_every_way(act, holds, gives=True)


# -- freed tokens


@workflow(name="hooks:leaves")
async def leaves(token: str) -> str:
    async with create_hook(token=token):
        await goes("inside")
    await sleep("10s")
    return "left"


@workflow(name="hooks:disposes")
async def disposes(token: str) -> str:
    waiting = create_hook(token=token)
    await goes("holds it")
    await waiting.dispose()
    await sleep("10s")
    return "disposed"


@workflow(name="hooks:expires")
async def expires(token: str) -> str:
    """Keeps the hook, which expires, and goes on."""
    async with create_hook(token=token, expires="2s"):
        await sleep("10s")
    return "expired"


@workflow(name="hooks:ends")
async def ends(token: str) -> str:
    create_hook(token=token)
    await goes("holds it")
    return "ended"


@workflow(name="hooks:fails")
async def fails(token: str) -> str:
    create_hook(token=token)
    await goes("holds it")
    raise FatalError("no")


@pytest.mark.parametrize("flow", [leaves, disposes, expires, ends])
def test_a_token_that_was_given_back_is_taken_by_the_next_run(flow: Any) -> None:
    async def act() -> Any:
        first = await start(flow, "t")
        await hooks_of(first)
        while await _is_open("t"):
            await asyncio.sleep(0.05)
        with pytest.raises(HookNotFound):
            await resume_hook("t", "nobody's")
        second = await _holding("t")
        await resume_hook("t", "the second's")
        [hook] = await hooks_of(first)
        return await second.result(), await first.result(), hook.received

    name = {"hooks:leaves": "left", "hooks:disposes": "disposed", "hooks:expires": "expired", "hooks:ends": "ended"}
    in_every_way(act, flow, holds, goes, gives=("the second's", name[flow.definition.name], 0))


async def _is_open(token: str) -> bool:
    try:
        await get_hook(token)
    except HookNotFound:
        return False
    return True


@pytest.mark.parametrize("grace", [None, 0])
def test_a_cancel_frees_the_token(grace: int | None) -> None:
    async def act() -> Any:
        first = await _holding("t")
        assert await first.cancel(grace=grace)
        with pytest.raises(RunCancelled):
            await first.result()
        with pytest.raises(HookNotFound):
            await resume_hook("t", "nobody's")
        second = await _holding("t")
        await resume_hook("t", "the second's")
        return await second.result()

    in_every_way(act, holds, gives="the second's")


def test_a_failure_frees_the_token() -> None:
    async def act() -> Any:
        with pytest.raises(RunFailed):
            await (await start(fails, "t")).result()
        second = await _holding("t")
        await resume_hook("t", "the second's")
        return await second.result()

    in_every_way(act, fails, holds, goes, gives="the second's")


def test_one_run_takes_a_token_again_and_again() -> None:
    async def act() -> Any:
        run = await start(rounds, "t")
        for number in range(3):
            hooks = await hooks_of(run, number + 1)
            await open_hook("t")
            await resume_hook("t", f"for {len(hooks)}")
            await received(run, number + 1)
        return await run.result(), [hook.status for hook in await hooks_of(run, 3)]

    in_every_way(act, rounds, goes, gives=(["for 1", "for 2", "for 3"], ["disposed"] * 3))


@workflow(name="hooks:rounds")
async def rounds(token: str) -> list[Any]:
    taken: list[Any] = []
    for _ in range(3):
        async with create_hook(token=token) as waiting:
            taken.append(await waiting)
        await goes("between")
    return taken


# -- the end of a hook


@workflow(name="hooks:collects")
async def collects(token: str) -> list[Any]:
    async with create_hook(token=token, expires="2s") as waiting:
        return [payload async for payload in waiting]


@workflow(name="hooks:awaits_expiry")
async def awaits_expiry(token: str) -> Any:
    waiting = create_hook(token=token, expires="2s")
    first = await waiting
    try:
        await waiting
    except HookExpired as error:
        return [first, error.token, str(error)]


def test_iteration_ends_when_the_hook_has_expired() -> None:
    async def act() -> Any:
        run = await start(collects, "t")
        await open_hook("t")
        await resume_hook("t", 1)
        given = await run.result()
        [hook] = await hooks_of(run)
        assert (hook.status, hook.received) == ("expired", 1)
        return given

    in_every_way(act, collects, gives=[1])


def test_an_await_is_told_that_the_hook_has_expired() -> None:
    async def act() -> Any:
        run = await start(awaits_expiry, "t")
        await open_hook("t")
        await resume_hook("t", 1)
        return await run.result()

    told = [1, "t", "the hook has expired, and no payload that came in time is left"]
    in_every_way(act, awaits_expiry, gives=told)


def test_payloads_accepted_just_before_are_delivered_by_the_stores_clock() -> None:
    """Sent until nobody takes them any more: every one that was accepted is there, and nothing else."""

    async def act() -> Any:
        run = await start(collects, "t")
        hook = await open_hook("t")
        assert hook.expires_at is not None
        sent: list[int] = []
        while True:
            try:
                await resume_hook("t", len(sent))
            except HookNotFound:
                break
            sent.append(len(sent))
            await asyncio.sleep(0.05)
        assert len(sent) > 20
        [expired] = [event async for event in run.events() if event.type == "hook_expired"] or [None]
        assert expired is None or expired.at >= hook.expires_at
        return await run.result() == sent

    in_every_way(act, collects, gives=True)


def test_a_hook_that_expired_before_its_run_was_looked_at() -> None:
    """Nobody works while it expires."""

    async def act() -> Any:
        run = await start(collects, "t")
        await open_hook("t")
        await resume_hook("t", 1)
        await asyncio.sleep(5)
        with pytest.raises(HookNotFound):
            await resume_hook("t", 2)
        return await run.result()

    in_every_way(act, collects, gives=[1])


@workflow(name="hooks:bounded")
async def bounded(token: str) -> Any:
    async with create_hook(token=token) as waiting:
        try:
            async with timeout("2s"):
                return await waiting
        except TimeoutError:
            return ["late", await waiting]


def test_a_timeout_around_it_takes_no_payload_with_it() -> None:
    async def act() -> Any:
        run = await start(bounded, "t")
        await open_hook("t")
        while "wait_completed" not in await types_of(run):
            await asyncio.sleep(0.05)
        await resume_hook("t", "came late")
        return await run.result()

    in_every_way(act, bounded, gives=["late", "came late"])


@workflow(name="hooks:iterates")
async def iterates(token: str) -> list[Any]:
    waiting = create_hook(token=token)
    taken: list[Any] = []
    async for payload in waiting:
        taken.append(payload)
        if payload == "enough":
            await waiting.dispose()
    return taken


def test_disposing_ends_the_iteration() -> None:
    async def act() -> Any:
        run = await start(iterates, "t")
        await open_hook("t")
        await resume_hook("t", 1)
        await resume_hook("t", "enough")
        return await run.result()

    in_every_way(act, iterates, gives=[1, "enough"])


# -- a failed run goes on in place


@step(name="hooks:ships", retry=Retry(max_retries=0))
async def ships(what: str) -> str:
    if what in broken:
        raise FatalError(f"no {what}")
    return f"{what} shipped"


@workflow(name="hooks:ships_then_waits")
async def ships_then_waits(token: str) -> list[Any]:
    async with create_hook(token=token) as waiting:
        first = await waiting
        return [first, await ships("box"), await waiting]


def _breaks() -> None:
    clean()
    broken.add("box")


async def _failed(token: str) -> Run[Any]:
    run = await start(ships_then_waits, token)
    await open_hook(token)
    await resume_hook(token, "first")
    await status_of(run, end="failed")
    return run


def test_a_retry_in_place_opens_the_hook_that_the_failure_disposed() -> None:
    async def act() -> Any:
        run = await _failed("t")
        assert "hook_disposed" in await types_of(run)
        with pytest.raises(HookNotFound):
            await resume_hook("t", "nobody's")
        broken.clear()
        await run.retry()
        await open_hook("t")
        await resume_hook("t", "second")
        given = await run.result()
        [hook] = await hooks_of(run)
        assert (hook.status, hook.received) == ("disposed", 2)
        return given

    in_every_way(act, ships_then_waits, ships, gives=["first", "box shipped", "second"], before=_breaks)


def test_a_retry_is_refused_while_another_run_has_the_token() -> None:
    async def act() -> Any:
        run = await _failed("t")
        holder = await _holding("t")
        with pytest.raises(UsageError) as caught:
            await run.retry()
        assert str(caught.value) == (
            f"run {run.run_id} can't go on: another run holds the token of one of its hooks; use rerun"
        )
        assert await run.status() == "failed"
        await resume_hook("t", "the holder's")
        assert await holder.result() == "the holder's"
        broken.clear()
        await run.retry()  # it is free again
        await open_hook("t")
        await resume_hook("t", "second")
        return await run.result()

    in_every_way(act, ships_then_waits, ships, holds, gives=["first", "box shipped", "second"], before=_breaks)


# -- steps that send


@step(name="hooks:sends", retry=Retry(max_retries=2, delay=0.01, jitter=0))
async def sends(token: str, payload: str) -> None:
    await resume_hook(token, payload)
    seen.append(get_step_metadata().attempt)
    if get_step_metadata().attempt < 3:
        raise ConnectionError("cut off")


@workflow(name="hooks:sender")
async def sender(token: str) -> None:
    await sends(token, "once")
    await sends(token, "again")
    await sends(token, "again")
    await sends(token, "close")


def test_a_retried_step_sends_once() -> None:
    async def act() -> Any:
        run = await start(poll, "p")
        await open_hook("p")
        await (await start(sender, "p")).result()
        return await run.result()

    in_every_way(act, poll, goes, sender, sends, gives=["once", "again", "again"])
    clean()
    once(act, poll, goes, sender, sends)
    assert seen == [1, 2, 3] * 4, "every attempt got as far as that"
