"""One process's side of a World: start, follow and end runs, with a worker or only looking."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perdure.engine.engine import Engine
from perdure.errors import RunNotFound, UsageError, WorldFull, WorldUnavailable
from perdure.model.event import (
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRepinned,
    RunResumed,
    RunRetried,
)
from perdure.model.ids import RunId
from perdure.world import RunFilter, RunRecord
from tests.core.logs import raw
from tests.engine.moody import MoodyWorld
from tests.engine.program import ALL, DID, clean, do, doomed, failing, gate, held, nap, one, parent
from tests.engine.stage import EPOCH_MS, Stage, new

NOBODY = RunId("wrun_" + 26 * "0")


@pytest.fixture(autouse=True)
def cleaned() -> None:
    clean()


def play(act: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    stage = Stage()

    async def scene() -> None:
        await act(stage)

    stage.play(scene)


class TestStart:
    def test_it_is_durable_when_it_returns(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine(*ALL)
            started = await looker.start(new(one, "x", attributes={"a": "b"}))
            assert (started.created, started.owned) == (True, False)
            record = await stage.world.read_run(started.run_id)
            assert record is not None
            assert (record.status, record.workflow, record.attributes) == ("pending", "t:one", {"a": "b"})
            [created] = await stage.events(started.run_id)
            assert created.fact == RunCreated(workflow="t:one", input=raw('{"what":"x"}'), deployment=looker.deployment)

        play(act)

    def test_with_a_worker_it_is_owned_at_birth(self) -> None:
        """O2."""

        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            started = await engine.start(new(held, "x"))
            assert started.owned
            record = await stage.world.read_run(started.run_id)
            assert record is not None
            assert engine.worker is not None
            assert (record.owner, record.epoch, record.status) == (engine.worker.worker_id, 1, "running")

        play(act)

    def test_one_whose_answer_was_lost_goes_by_its_log(self) -> None:
        """Whoever asks again can't tell a birth from a claim that came in between: both are owned, in epoch 1."""

        async def act(stage: Stage) -> None:
            world = MoodyWorld(stage.world)
            engine = await stage.working(*ALL, world=world)
            world.answers_to_lose = 1
            started = await engine.start(new(one, "x"))
            assert (started.created, started.owned) == (True, True)
            assert isinstance(await engine.end(started.run_id), RunCompleted)
            assert stage.passed_ms < 1000
            assert {event.epoch for event in await stage.events(started.run_id)} == {1, 2}

        play(act)

    def test_what_the_worker_knows_of_it_is_what_the_log_says(self) -> None:
        """It isn't read from there."""

        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            asked = new(held, "x", by="ops", attributes={"a": "b"}, idempotency_key="k")
            run_id = (await engine.start(asked)).run_id
            assert engine.worker is not None
            known = [*engine.worker.runs[run_id]._events]
            assert known == (await engine.log(run_id))[1][:2]

        play(act)

    def test_a_workflow_that_is_not_served_here_is_for_others(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(do, one)
            assert not (await engine.start(new(held, "x"))).owned

        play(act)

    def test_one_that_is_delayed_waits_unowned(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            started = await engine.start(new(one, "x", due_ms=EPOCH_MS + 90_000))
            assert not started.owned
            await asyncio.sleep(89.9)
            assert DID == []
            await asyncio.sleep(0.2)
            assert DID == ["x/1"]

        play(act)

    def test_a_key_is_one_run(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            starts = await asyncio.gather(*(engine.start(new(one, "x", idempotency_key="k")) for _ in range(5)))
            assert len({started.run_id for started in starts}) == 1
            assert [started.created for started in starts] == [True, False, False, False, False]
            await engine.end(starts[0].run_id)
            assert DID == ["x/1"]

        play(act)

    def test_a_lost_answer_is_one_run_too(self) -> None:
        async def act(stage: Stage) -> None:
            world = MoodyWorld(stage.world)
            engine = await stage.working(*ALL, world=world)
            world.answers_to_lose = 2
            started = await engine.start(new(one, "x"))
            assert (started.created, started.owned) == (True, True)
            assert isinstance(await engine.end(started.run_id), RunCompleted)
            assert DID == ["x/1"]

        play(act)

    def test_a_full_disk_refuses_it(self) -> None:
        async def act(stage: Stage) -> None:
            world = MoodyWorld(stage.world)
            engine = stage.engine(*ALL, world=world)

            async def full(operations: Any) -> Any:
                raise WorldFull("/there")

            world._commit = full  # type: ignore[method-assign]
            with pytest.raises(WorldFull):
                await engine.start(new(one, "x"))

        play(act)

    def test_after_a_close_it_is_refused(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            await engine.close()
            with pytest.raises(WorldUnavailable, match="this process is closing its world"):
                await engine.start(new(one, "x"))

        play(act)


class TestCancel:
    def test_of_nobody(self) -> None:
        async def act(stage: Stage) -> None:
            with pytest.raises(RunNotFound):
                await stage.engine().cancel(NOBODY, None, None)

        play(act)

    @pytest.mark.parametrize("grace_ms", [None, 0, 1000])
    def test_of_a_run_that_has_ended_changes_nothing(self, grace_ms: int | None) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            run = (await engine.start(new(one, "x"))).run_id
            await engine.end(run)
            before = await stage.events(run)
            assert await engine.cancel(run, "late", grace_ms) is False
            assert await stage.events(run) == before

        play(act)

    def test_by_force_from_anywhere(self) -> None:
        """O7."""

        async def act(stage: Stage) -> None:
            engine, looker = await stage.working(*ALL), stage.engine()
            run = (await engine.start(new(held, "x"))).run_id
            await asyncio.sleep(0.1)
            assert await looker.cancel(run, "now", 0)
            [*_, end] = await stage.events(run)
            assert end.fact == RunCancelled(reason="now", forced=True)
            assert end.epoch > 1
            gate("x").set()
            await asyncio.sleep(10)
            assert DID == ["x/1"]

        play(act)

    def test_of_a_run_that_nobody_owns(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine()
            run = (await looker.start(new(one, "x"))).run_id
            assert await looker.cancel(run, None, 0)
            assert await stage.types(run) == ["run_created", "run_cancelled"]

        play(act)

    def test_of_a_blocked_run_needs_no_body(self) -> None:
        async def act(stage: Stage) -> None:
            world = MoodyWorld(stage.world)
            world.chokes_on = lambda operation: any(b"poison" in row.payload for row in getattr(operation, "rows", ()))
            engine = await stage.working(*ALL, world=world)
            run = (await engine.start(new(one, "poison"))).run_id
            assert isinstance(await engine.end(run), RunBlocked)
            assert await engine.cancel(run, "enough", None)
            [*_, end] = await stage.events(run)
            assert end.fact == RunCancelled(reason="enough")

        play(act)

    def test_one_that_changes_all_the_time_is_taken_over_all_the_same(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine()
            run = (await looker.start(new(one, "x"))).run_id
            busy = _Busy(stage)
            looker.committer._world = busy
            assert await looker.cancel(run, None, 0)
            assert busy.refused == 3

        play(act)

    def test_but_not_for_ever(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine()
            run = (await looker.start(new(one, "x"))).run_id
            looker.committer._world = _Busy(stage, times=1000)
            with pytest.raises(UsageError) as caught:
                await looker.cancel(run, None, 0)
            assert str(caught.value) == f"run {run} changed too fast to be taken over: try again"

        play(act)


class _Busy(MoodyWorld):
    """Somebody else is always faster."""

    def __init__(self, stage: Stage, times: int = 3) -> None:
        super().__init__(stage.world)
        self.times, self.refused = times, 0

    async def _commit(self, operations: Any) -> Any:
        if self.refused < self.times:
            self.refused += 1
            kept = self.inner._state.runs  # type: ignore[attr-defined]
            [of] = kept
            record = kept[of].record
            kept[of] = type(kept[of])(
                record=type(record)(**{name: getattr(record, name) + (name == "epoch") if name == "epoch" else
                                       getattr(record, name) for name in record.__struct_fields__}),
                rows=kept[of].rows, inbox=kept[of].inbox, at_ms=kept[of].at_ms, probation=False,
            )  # fmt: skip
        return await super()._commit(operations)


class TestWakeUp:
    def test_it_says_how_many(self) -> None:
        async def act(stage: Stage) -> None:
            engine, looker = await stage.working(*ALL), stage.engine()
            run = (await engine.start(new(nap, 3600.0))).run_id
            await asyncio.sleep(2)
            assert await looker.wake_up(run) == 1
            await engine.end(run)
            assert stage.passed_ms < 4000
            assert await looker.wake_up(run) == 0

        play(act)

    def test_nobody_sleeps(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            run = (await engine.start(new(held, "x"))).run_id
            await asyncio.sleep(0.1)
            assert await engine.wake_up(run) == 0
            assert "wake_requested" not in await stage.types(run)
            with pytest.raises(RunNotFound):
                await engine.wake_up(NOBODY)

        play(act)


class TestRetry:
    def test_a_failed_run_goes_on_from_its_step(self) -> None:
        """S6: with a fresh budget."""

        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            run = (await engine.start(new(failing, "x"))).run_id
            assert isinstance(await engine.end(run), RunFailed)
            assert DID == ["x/1", "x/2", "x/3"]
            await engine.retry(run)
            assert await stage.status(run) == "running"
            assert isinstance(await engine.end(run), RunFailed)
            assert DID == ["x/1", "x/2", "x/3", "x/4", "x/5", "x/6"]
            retried = [event.fact for event in await stage.events(run) if isinstance(event.fact, RunRetried)]
            assert len(retried) == 1

        play(act)

    def test_from_a_process_that_only_looks(self) -> None:
        async def act(stage: Stage) -> None:
            engine, looker = await stage.working(*ALL), stage.engine()
            run = (await engine.start(new(doomed, "x"))).run_id
            await engine.end(run)
            await looker.retry(run)
            await looker.end(run)
            assert DID == ["x/1", "x/2"]

        play(act)

    def test_one_that_runs_is_left_alone(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            run = (await engine.start(new(held, "x"))).run_id
            with pytest.raises(UsageError, match="is running: only a failed or blocked run can be retried"):
                await engine.retry(run)

        play(act)


class TestLooking:
    def test_it_never_claims(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine(*ALL)
            run = (await looker.start(new(one, "x"))).run_id
            log, events = await looker.log(run)
            assert (log.run.status, [event.fact.type for event in events]) == ("pending", ["run_created"])
            await asyncio.sleep(60)
            assert await stage.world.workers() == ()

        play(act)

    def test_a_log_from_its_middle(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL)
            run = (await engine.start(new(one, "x"))).run_id
            await engine.end(run)
            _, events = await engine.log(run, 4)
            assert [event.seq for event in events] == [4, 5]
            with pytest.raises(RunNotFound):
                await engine.log(NOBODY)

        play(act)

    def test_who_serves_what(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine(*ALL)
            assert not await looker.is_served("t:one")
            engine = await stage.working(do, one)
            assert await looker.is_served("t:one")
            assert await engine.is_served("t:one")
            assert not await engine.is_served("t:held")
            await engine.close()
            assert not await looker.is_served("t:one")

        play(act)


def test_a_worker_is_made_once() -> None:
    async def act(stage: Stage) -> None:
        engine = stage.engine(*ALL)
        workers = await asyncio.gather(*(engine.work() for _ in range(3)))
        assert len({id(worker) for worker in workers}) == 1
        assert len(await stage.world.workers()) == 1

    play(act)


def test_the_deployment_follows_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_DEPLOYMENT", raising=False)

    async def act(stage: Stage) -> None:
        engine: Engine = stage.engine()
        assert engine.deployment == "code:py3"
        engine.registry.add(one.definition)
        assert len(engine.deployment) == len("code:") + 12
        assert engine.deployment == engine.deployment

    play(act)


class TestPins:
    """Runs that only workers of one deployment may have."""

    def test_a_named_deployment_pins_what_its_process_starts(self) -> None:
        async def act(stage: Stage) -> None:
            started = await stage.engine(*ALL, deployment="v1").start(new(one, "x"))
            [created] = await stage.events(started.run_id)
            assert isinstance(created.fact, RunCreated)
            assert (created.fact.deployment, created.fact.pin) == ("v1", "v1")
            other = await stage.working(*ALL, deployment="v2")
            await asyncio.sleep(60)
            assert (await record(stage, started.run_id)).status == "pending"
            assert not await other.is_served("t:one", "v1")
            await stage.working(*ALL, deployment="v1")
            assert await other.is_served("t:one", "v1")
            assert isinstance(await other.end(started.run_id), RunCompleted)
            assert (await record(stage, started.run_id)).pin == "v1"

        play(act)

    def test_without_a_name_nothing_is_pinned(self) -> None:
        async def act(stage: Stage) -> None:
            started = await stage.engine(*ALL).start(new(one, "x"))
            assert (await record(stage, started.run_id)).pin == ""
            engine = await stage.working(*ALL, deployment="v2")
            assert isinstance(await engine.end(started.run_id), RunCompleted)

        play(act)

    @pytest.mark.parametrize(("pin", "owned"), [(None, True), ("v1", True), ("", True), ("v2", False)])
    def test_only_ones_own_are_owned_at_birth(self, pin: str | None, owned: bool) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL, deployment="v1")
            started = await engine.start(new(one, "x", pin=pin))
            assert started.owned is owned
            assert (await record(stage, started.run_id)).pin == ("v1" if pin is None else pin)

        play(act)

    def test_a_pinned_run_that_wakes_is_waited_for_by_its_own(self) -> None:
        """Its time comes into the sweep of nobody else."""

        async def act(stage: Stage) -> None:
            run = (await stage.engine(*ALL).start(new(one, "x", pin="v1", due_ms=EPOCH_MS + 90_000))).run_id
            await stage.working(*ALL, deployment="v2")
            await stage.working(*ALL, deployment="v1")
            await asyncio.sleep(89.9)
            assert (await record(stage, run)).status == "pending"
            await asyncio.sleep(0.2)
            assert (await record(stage, run)).status == "completed"

        play(act)

    def test_it_is_moved_to_other_workers(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine(*ALL)
            old = await stage.working(*ALL, deployment="v1")
            run = (await old.start(new(held, "x"))).run_id
            await asyncio.sleep(1)
            assert DID == ["x/1"]
            await stage.working(*ALL, deployment="v2")
            assert await looker.repin(run, "v2")
            assert not await looker.repin(run, "v2")
            gate("x").set()
            assert isinstance(await looker.end(run), RunCompleted)
            facts = [event.fact for event in await stage.events(run)]
            assert [fact for fact in facts if isinstance(fact, RunRepinned | RunResumed)] == [
                RunRepinned(pin="v2"), RunResumed(deployment="v2")
            ]  # fmt: skip
            assert (await record(stage, run)).pin == "v2"
            with pytest.raises(UsageError, match=r"is completed: no worker will claim it any more; use rerun$"):
                await looker.repin(run, "v1")
            with pytest.raises(RunNotFound):
                await looker.repin(NOBODY, "v1")
            with pytest.raises(UsageError, match="names no deployment"):
                await looker.repin(run, "")

        play(act)

    def test_a_delayed_start_that_is_moved_keeps_its_time(self) -> None:
        async def act(stage: Stage) -> None:
            looker = stage.engine(*ALL)
            run = (await looker.start(new(one, "x", pin="v1", due_ms=EPOCH_MS + 90_000))).run_id
            await stage.working(*ALL, deployment="v2")
            assert await looker.repin(run, "any")
            await asyncio.sleep(89)
            assert (await record(stage, run)).status == "pending"
            assert isinstance(await looker.end(run), RunCompleted)

        play(act)

    def test_children_share_their_parents_pin(self) -> None:
        async def act(stage: Stage) -> None:
            engine = await stage.working(*ALL, deployment="v1")
            gate("x").set()
            gate("y").set()
            run = (await engine.start(new(parent, "x", pin=""))).run_id
            pinned = (await engine.start(new(parent, "y"))).run_id
            for each, pin in ((run, ""), (pinned, "v1")):
                assert isinstance(await engine.end(each), RunCompleted)
                children = (await stage.world.list_runs(RunFilter(parent_id=each))).runs
                assert [child.pin for child in children] == [pin]

        play(act)


async def record(stage: Stage, run_id: RunId) -> RunRecord:
    found = await stage.world.read_run(run_id)
    assert found is not None
    return found
