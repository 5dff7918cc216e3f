"""What a body asks for, and what follows: events in which append, steps that wait for hooks, timers, disposes, turns."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from msgspec import Raw

import perdure.engine.rest
from perdure import (
    FatalError,
    HookConflict,
    HookExpired,
    HookNotFound,
    create_hook,
    get_run,
    get_writable,
    now,
    patched,
    sleep,
    start,
    step,
    workflow,
)
from perdure.engine.engine import Engine
from perdure.engine.hook import find_hook, resume
from perdure.model.event import (
    Event,
    Fact,
    HookCreated,
    HookDisposed,
    HookReceived,
    PatchMarked,
    RunCompleted,
    RunFailed,
    StepCompleted,
    StepCreated,
)
from perdure.model.event import (
    HookExpired as Expired,
)
from perdure.model.ids import RunId, token_hash
from tests.core.logs import raw
from tests.engine.mortal import Mortal
from tests.engine.stage import Stage, new

found: list[bool] = []
went: list[str] = []
STAGE: list[Stage] = []


@pytest.fixture(autouse=True)
def cleaned() -> None:
    found.clear()
    went.clear()
    STAGE.clear()


@step(name="answer:looks")
async def looks(token: str) -> str:
    """Whether the hook of this token is registered by the time that a step knows it."""
    found.append(await STAGE[0].world.hooks.find(token_hash(token)) is not None)
    return token


@step(name="answer:goes")
async def goes(what: str) -> str:
    went.append(what)
    return what


@step(name="answer:writes")
async def writes(what: str) -> None:
    await get_writable().write(what)


@step(name="answer:breaks", max_retries=0)
async def breaks(token: str) -> str:
    """Before it fails, payloads come: the second fits the hook."""
    if "mended" in went:
        return "mended"
    outside = STAGE[0].engine()
    for payload in (b'"no number"', b"5"):
        await resume(outside, await find_hook(outside, token), payload)
    raise FatalError("broken")


@workflow(name="answer:breaking")
async def breaking(token: str) -> list[Any]:
    async with create_hook(int, token=token) as waiting:
        return [await breaks(token), await waiting]


@workflow(name="answer:asking")
async def asking(token: str) -> Any:
    waiting = create_hook(token=token)
    await looks(waiting.token)
    return await waiting


@workflow(name="answer:asking_aside")
async def asking_aside(token: str) -> Any:
    """The step stands in another branch, and is called before the hook."""

    async def look() -> str:
        return await looks(token)

    async def wait() -> Any:
        return await create_hook(token=token)

    return list(await asyncio.gather(look(), wait()))


@workflow(name="answer:short_lived")
async def short_lived(token: str) -> str:
    async with create_hook(token=token, expires="10m"):
        await goes("inside")
    await sleep("9s")
    return await goes("after")


@workflow(name="answer:patient")
async def patient(token: str) -> list[Any]:
    async with create_hook(token=token, expires="10m") as waiting:
        return [payload async for payload in waiting]


@workflow(name="answer:chatting")
async def chatting(token: str) -> None:
    async with create_hook(token=token) as waiting, asyncio.timeout(86_400):
        async for _ in waiting:
            pass


@workflow(name="answer:expiring")
async def expiring(token: str) -> str:
    waiting = create_hook(token=token, expires="10m")
    try:
        return f"got {await waiting}"
    except HookExpired:
        return f"expired at {now().timestamp():.0f}"
    except HookConflict as error:
        await sleep("20m")
        return f"taken by {error.owner_run_id}"


@workflow(name="answer:hasty")
async def hasty(token: str) -> str:
    """Asks, and is gone in the same turn."""
    waiting = create_hook(token=token)
    await waiting.dispose()
    create_hook(token=f"{token} too")
    return "gone"


@workflow(name="answer:bearing")
async def bearing(token: str) -> Any:
    """A hook, a child and a step in one answer."""
    waiting = create_hook(token=token)
    child = await start(hasty, "inner")
    return [await looks(token), await get_run(child.run_id, str).result(), await waiting]


@workflow(name="answer:marked")
async def marked(token: str) -> str:
    async with create_hook(token=token):
        return "new" if patched("p") else "old"


@workflow(name="answer:far")
async def far(token: str) -> Any:
    """Sleeps long, with a hook: both are asked for in one turn."""
    waiting = create_hook(token=token)
    await sleep("30m")
    return await waiting


@workflow(name="answer:telling")
async def telling(token: str) -> str:
    """A write of the body, then a step that writes."""
    await get_writable().write("body")
    await writes("step")
    await get_writable().write("body again")
    return "told"


ALL = (
    looks, goes, writes, asking, asking_aside, short_lived, patient, expiring, hasty, bearing, marked, far, telling, breaks,
    breaking, chatting,
)  # fmt: skip


class Scene:
    """A worker whose commits take a hundredth of a second, and runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = Mortal(stage.world, slow_s=0.01)
        self.engine: Engine = stage.engine(*ALL, world=self.world)  # type: ignore[arg-type]

    async def begin(self, workflow: Any, token: str = "t") -> RunId:
        await self.engine.work()
        return (await self.engine.start(new(workflow, token))).run_id

    async def send(self, payload: str, token: str = "t") -> None:
        await resume(self.engine, await find_hook(self.engine, token), payload.encode())

    async def log(self, run_id: RunId) -> list[tuple[int, str]]:
        return [(event.turn, event.fact.type) for event in await self.stage.events(run_id)]

    async def events(self, run_id: RunId, kind: type[Fact]) -> list[Event]:
        return [event for event in await self.stage.events(run_id) if isinstance(event.fact, kind)]

    async def end(self, run_id: RunId) -> Fact:
        return await self.engine.end(run_id)

    def lives(self, run_id: RunId) -> bool:
        return self.engine.worker is not None and run_id in self.engine.worker.runs


def play(act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()
    STAGE.append(stage)

    async def scene() -> None:
        await act(Scene(stage))

    stage.play(scene)


class TestRegistration:
    def test_a_hook_is_one_append_with_its_turn(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(asking)
            await asyncio.sleep(1)
            assert await on.log(run_id) == [
                (0, "run_created"), (0, "run_started"), (0, "hook_created"), (0, "step_created"),
                (2, "step_completed"),
            ]  # fmt: skip
            assert on.world.appends(run_id) == [["hook_created", "step_created"], ["step_completed"]]

        play(act)

    @pytest.mark.parametrize("flow", [asking, asking_aside, bearing])
    def test_steps_of_its_run_begin_once_it_is_registered(self, flow: Any) -> None:
        """L5: whoever learns a token from a step can use it; also from one that was called before."""

        async def act(on: Scene) -> None:
            run_id = await on.begin(flow)
            await asyncio.sleep(1)
            assert found == [True]
            await on.send("7")
            assert isinstance(await on.end(run_id), RunCompleted)

        play(act)

    def test_steps_of_other_runs_dont_wait(self) -> None:
        async def act(on: Scene) -> None:
            await on.begin(asking, "a")
            other = await on.begin(telling)
            assert await on.end(other) == RunCompleted(result=raw('"told"'))

        play(act)

    def test_what_the_world_decided_is_a_turn_of_its_own_where_nothing_else_came(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(short_lived)
            await asyncio.sleep(1)
            [created] = await on.events(run_id, HookCreated)
            [called] = await on.events(run_id, StepCreated)
            assert (created.turn, called.turn) == (0, 1)
            assert (1, "step_completed") not in await on.log(run_id)

        play(act)

    def test_a_taken_token(self) -> None:
        async def act(on: Scene) -> None:
            holder = await on.begin(patient)
            await asyncio.sleep(1)
            loser = await on.begin(expiring)
            assert await on.end(loser) == RunCompleted(result=raw(f'"taken by {holder}"'))
            types = [kind for _, kind in await on.log(loser)]
            assert "hook_created" not in types
            assert types.count("hook_conflict") == 1
            assert "hook_expired" not in types, "its timer went with it"
            assert "hook_disposed" not in types

        play(act)

    def test_a_run_that_asks_and_ends_leaves_nothing_open(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(hasty)
            assert await on.end(run_id) == RunCompleted(result=raw('"gone"'))
            assert on.world.appends(run_id) == [["hook_created", "hook_disposed", "hook_created", "run_completed"]]
            for token in ("t", "t too"):
                there = await on.stage.world.hooks.find(token_hash(token))
                assert there is not None
                assert there.record.closed
            again = await on.begin(hasty)
            await on.end(again)
            assert "hook_conflict" not in [kind for _, kind in await on.log(again)], "the token is free"

        play(act)

    def test_a_mark_that_follows_the_decision_is_recorded_with_its_turn(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(marked)
            assert await on.end(run_id) == RunCompleted(result=raw('"new"'))
            [mark] = await on.events(run_id, PatchMarked)
            assert mark.turn == 1

        play(act)


class TestDisposes:
    def test_a_dispose_is_written_at_once_and_once(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(short_lived)
            await asyncio.sleep(1)
            assert on.world.appends(run_id)[2:] == [["hook_disposed", "wait_created"]]
            [disposed], [completed] = await on.events(run_id, HookDisposed), await on.events(run_id, StepCompleted)
            assert disposed.at_ms - completed.at_ms <= 12, "urgent: somebody may wait for the token"
            await on.end(run_id)
            assert len(await on.events(run_id, HookDisposed)) == 1

        play(act)

    def test_its_timer_goes_with_it(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(short_lived)
            await on.end(run_id)
            await asyncio.sleep(1200)
            assert await on.events(run_id, Expired) == []

        play(act)

    def test_a_replay_doesnt_write_it_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(perdure.engine.rest, "IDLE_S", 0.0)
        monkeypatch.setattr(perdure.engine.rest, "EVERY_S", 0.1)

        async def act(on: Scene) -> None:
            run_id = await on.begin(short_lived)
            await asyncio.sleep(3)
            assert not on.lives(run_id), "it is put away between its turns"
            await on.end(run_id)
            assert len(await on.events(run_id, HookDisposed)) == 1
            assert went == ["inside", "after"]

        play(act)


class TestMailThatIsFoundAtTheEnd:
    def test_it_is_looked_at_though_its_hook_is_over(self) -> None:
        """The end is refused while there is mail; it is recorded before it, and does nothing. A retry opens the hook
        again, and then the body gets what fits."""

        async def act(on: Scene) -> None:
            on.world.deaf = True
            run_id = await on.begin(breaking)
            assert isinstance(await on.end(run_id), RunFailed)
            kinds = [kind for _, kind in await on.log(run_id)]
            assert kinds[kinds.index("step_failed") :] == [
                "step_failed", "hook_disposed", "hook_received", "hook_received", "run_failed",
            ]  # fmt: skip
            rejected = [event.fact.rejected for event in await on.events(run_id, HookReceived)]  # type: ignore[attr-defined]
            assert rejected == ["payload: it is a str, where the annotation asks for int", None]
            went.append("mended")
            await on.engine.retry(run_id)
            assert await on.end(run_id) == RunCompleted(result=raw('["mended",5]'))

        play(act)

    def test_a_flood_of_it_doesnt_keep_the_run_from_its_end(self) -> None:
        """P1, P12: at each try to end there is a letter more."""

        async def act(on: Scene) -> None:
            outside, world = on.stage.engine(), on.stage.world
            run_id = await on.begin(asking)
            await asyncio.sleep(1)
            found_hook, sent = await find_hook(outside, "t"), [0]
            commit = on.world.commit

            async def flooded(operations: Any) -> Any:
                try:
                    await resume(outside, found_hook, b"1")
                    sent[0] += 1
                except HookNotFound:
                    pass
                return await commit(operations)

            on.world.commit = flooded  # type: ignore[assignment,method-assign]
            await on.send("7")
            assert await on.end(run_id) == RunCompleted(result=raw("1"))
            assert len(await on.events(run_id, HookReceived)) == sent[0] + 1
            assert await world.read_mail(run_id) == ()

        play(act)


class TestExpiry:
    def test_it_comes_by_the_stores_clock(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(expiring)
            end = await on.end(run_id)
            [created], [expired] = await on.events(run_id, HookCreated), await on.events(run_id, Expired)
            due_ms = created.fact.expires_ms  # type: ignore[attr-defined]
            assert due_ms <= expired.at_ms <= due_ms + 1000
            assert expired.fact == Expired(due_ms=due_ms)
            assert end == RunCompleted(result=raw(f'"expired at {expired.at_ms / 1000:.0f}"'))

        play(act)

    def test_payloads_that_were_accepted_before_stand_before_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """They come in the very last moment; the timer rings before anybody has looked at the mail."""
        monkeypatch.setattr(perdure.engine.rest, "IDLE_S", 3600.0)  # it stays in memory, and looks at no mail

        async def act(on: Scene) -> None:
            run_id = await on.begin(patient)
            await asyncio.sleep(1)
            [created] = await on.events(run_id, HookCreated)
            left_ms = created.fact.expires_ms - on.stage.now_ms()  # type: ignore[attr-defined]
            hook = await find_hook(on.stage.engine(), "t")
            await asyncio.sleep((left_ms - 2) / 1000)
            outside, on.world.deaf = on.stage.engine(), True
            for payload in (b"1", b"2"):
                await resume(outside, hook, payload)
            assert await on.end(run_id) == RunCompleted(result=raw("[1,2]"))
            assert ["hook_expired"] in on.world.appends(run_id), "it was tried, and refused while there was mail"
            kinds = [kind for _, kind in await on.log(run_id)]
            assert kinds[3:] == ["hook_received", "hook_received", "hook_expired", "run_completed"]

        play(act)

    def test_a_run_that_only_waits_for_it_sleeps_and_is_woken_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(perdure.engine.rest, "IDLE_S", 0.0)
        monkeypatch.setattr(perdure.engine.rest, "EVERY_S", 0.1)

        async def act(on: Scene) -> None:
            run_id = await on.begin(patient)
            await asyncio.sleep(10)
            assert not on.lives(run_id)
            await on.send("1")
            await asyncio.sleep(10)
            assert not on.lives(run_id)
            assert len(await on.events(run_id, HookReceived)) == 1
            assert await on.end(run_id) == RunCompleted(result=raw("[1]"))
            assert 600_000 <= on.stage.passed_ms < 602_000

        play(act)


class TestTogether:
    def test_a_run_whose_hook_has_had_a_payload_stays_a_while_for_the_next(self) -> None:
        """Else a talk of many payloads would be replayed for each of them."""

        async def act(on: Scene) -> None:
            run_id = await on.begin(chatting)
            await asyncio.sleep(0.5)
            assert not on.lives(run_id), "nobody may ever say anything"
            await on.send("1")
            await asyncio.sleep(0.5)
            assert on.lives(run_id)
            await asyncio.sleep(3)
            assert not on.lives(run_id)
            await on.send("2")
            await asyncio.sleep(0.5)
            assert len(await on.events(run_id, HookReceived)) == 2

        play(act)

    def test_a_long_sleep_doesnt_put_a_run_away_before_it_knows_of_its_hook(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(far)
            await asyncio.sleep(1)
            assert on.world.appends(run_id)[0] == ["hook_created", "wait_created"]
            record = await on.stage.world.read_run(run_id)
            assert record is not None
            assert record.epoch == 1, "nobody had to claim it again to tell it"
            await on.send("5")
            assert await on.end(run_id) == RunCompleted(result=raw("5"))

        play(act)

    @pytest.mark.parametrize("after_ms", [0, 4, 9, 12, 19, 22, 40])
    def test_a_run_that_is_handed_back_as_it_asks_for_a_hook_goes_on_elsewhere(self, after_ms: int) -> None:
        """Its body has to hear what the World decided (T5): it is claimable at once, though nothing is due."""

        async def act(on: Scene) -> None:
            run_id = await on.begin(short_lived)
            await asyncio.sleep(after_ms / 1000)
            await on.engine.rest(0)
            next_one = await on.stage.working(*ALL)  # type: ignore[arg-type]
            assert await next_one.end(run_id) == RunCompleted(result=raw('"after"'))
            assert on.stage.passed_ms < 60_000
            assert len(await on.events(run_id, HookDisposed)) == 1

        play(act)

    def test_chunks_of_a_body_go_with_its_turn(self) -> None:
        async def act(on: Scene) -> None:
            run_id = await on.begin(telling)
            await on.end(run_id)
            assert on.world.appends(run_id) == [
                ["stream_written", "step_created", "step_completed"], ["stream_written", "run_completed"],
            ]  # fmt: skip
            page = await on.stage.world.streams.read(run_id, "", 0, 10)
            assert page is not None
            assert [Raw(chunk.data) for chunk in page.chunks] == [raw('"body"'), raw('"step"'), raw('"body again"')]
            assert page.record.closed

        play(act)
