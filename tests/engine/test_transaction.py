"""Transactional steps of live runs: one append with their rows, in order; and what becomes of them when it can't be."""

import asyncio
from typing import Any

import pytest

from perdure import (
    Retry,
    StepInterrupted,
    TransactionInvalid,
    get_connection,
    get_step_metadata,
    get_writable,
    race,
    set_attributes,
    sleep,
    step,
    timeout,
    workflow,
)
from perdure.engine import transaction as enclosing
from perdure.engine.engine import Engine
from perdure.errors import WorldFull, WorldUnavailable
from perdure.model.event import StepCompleted, StepFailed, StepRetrying, StepStarted
from perdure.model.ids import RunId
from tests.engine.stage import Stage, new
from tests.engine.tabled import Tabled

SOON = Retry(max_retries=2, delay="10ms", jitter=0.0)
EXCLUSIVE = pytest.mark.parametrize("exclusive", [True, False], ids=["exclusive", "shared"])


@step(name="tx:put", transaction=True, retry=SOON)
async def put(what: str, takes_s: float = 0.0) -> str:
    get_connection().append(what)
    await asyncio.sleep(takes_s)
    return f"{what} in attempt {get_step_metadata().attempt}"


@step(name="tx:put_once", transaction=True, at_most_once=True)
async def put_once(what: str, takes_s: float = 0.0) -> str:
    get_connection().append(what)
    await asyncio.sleep(takes_s)
    return what


@step(name="tx:fails", transaction=True, retry=SOON)
async def fails(times: int, takes_s: float = 0.0) -> int:
    """An attempt tells of itself in the table, an attribute and a stream."""
    attempt = get_step_metadata().attempt
    get_connection().append(f"attempt {attempt}")
    await set_attributes(tried=str(attempt))
    async with get_writable(int) as out:
        await out.write(attempt)
        await out.drain()
    await asyncio.sleep(takes_s)
    if attempt <= times:
        raise ValueError(f"attempt {attempt}")
    return attempt


@step(name="tx:plain")
async def plain(takes_s: float) -> float:
    await asyncio.sleep(takes_s)
    return takes_s


@step(name="tx:deaf", transaction=True, retry=SOON)
async def deaf() -> None:
    """Doesn't mind that it is cancelled."""
    get_connection().append("deaf")
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        await asyncio.sleep(1)


@workflow(name="tx:one")
async def one(what: str, takes_s: float) -> str:
    return await put(what, takes_s)


@workflow(name="tx:one_fails")
async def one_fails(times: int, takes_s: float = 0.0) -> int:
    return await fails(times, takes_s)


@workflow(name="tx:beside")
async def beside(takes_s: float, plain_s: float) -> list[Any]:
    return await asyncio.gather(put("a", takes_s), plain(plain_s), put("b", takes_s))


@workflow(name="tx:raced")
async def raced(takes_s: float) -> str:
    return await race(put("a", takes_s), sleep("100ms", result="late"))


@workflow(name="tx:late")
async def late(takes_s: float) -> str:
    try:
        async with timeout("100ms"):
            return await put("a", takes_s)
    except TimeoutError:
        return "late"


@workflow(name="tx:once")
async def once(takes_s: float) -> str:
    try:
        return await put_once("a", takes_s)
    except StepInterrupted as error:
        return str(error)


@workflow(name="tx:drops")
async def drops() -> str:
    return await race(deaf(), sleep("100ms", result="dropped"))


PARTS = (put, put_once, fails, plain, deaf, one, one_fails, beside, raced, late, once, drops)


async def begun(stage: Stage, world: Tabled, flow: Any, *args: Any) -> tuple[Engine, RunId]:
    engine = await stage.working(*PARTS, world=world)
    return engine, (await engine.start(new(flow, *args))).run_id


async def result(engine: Engine, run_id: RunId) -> Any:
    fact: Any = await engine.end(run_id)
    return fact.type if fact is None or not hasattr(fact, "result") else bytes(fact.result).decode()


class TestACompletion:
    @EXCLUSIVE
    def test_is_one_append_with_the_answer_before_it(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert await result(engine, run_id) == '"a in attempt 1"'

        stage.play(scene)
        assert world.rows == ["a"]
        assert world.said_together() == [["step_created", "step_completed"]]
        assert world.said() == [["run_completed"]]

    @EXCLUSIVE
    def test_goes_alone_however_many_there_are(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, beside, 0.05, 0.0)
            assert await result(engine, run_id) == '["a in attempt 1",0.0,"b in attempt 1"]'

        stage.play(scene)
        assert sorted(world.rows) == ["a", "b"]
        assert all(said.count("step_completed") == 1 for said in world.said_together())

    def test_waits_for_what_is_on_its_way(self) -> None:
        """The other step's start must be in the log before: it is stuck while this one ends."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, beside, 0.1, 0.05)
            world.stuck = asyncio.Event()
            await asyncio.sleep(0.5)
            assert (world.rows, world.open) == ([], 2)
            world.stuck.set()
            assert await result(engine, run_id) == '["a in attempt 1",0.05,"b in attempt 1"]'

        stage.play(scene)
        assert sorted(world.rows) == ["a", "b"]

    def test_gives_up_when_that_takes_too_long_and_begins_again_with_its_start_committed(self) -> None:
        """As where the transaction has locked what the other append waits for."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one_fails, 0, 0.1)
            world.stuck = asyncio.Event()  # its creation is lazy, and meets this after 20 ms
            await asyncio.sleep(enclosing.LANDING_S + 0.2)
            assert (world.rows, world.open, world.opened) == ([], 0, 1)
            world.stuck.set()
            assert await result(engine, run_id) == "2"
            page = await stage.world.streams.read(run_id, "", 0, 9)
            assert page is not None
            assert [chunk.data for chunk in page.chunks] == [b"2"]
            facts = [event.fact for event in await stage.events(run_id)]
            assert [fact.attempt for fact in facts if isinstance(fact, StepStarted)] == [2]
            assert not any(isinstance(fact, StepRetrying) for fact in facts), "it costs no budget"

        stage.play(scene)
        assert world.rows == ["attempt 2"]
        assert [said for said in world.said() if "attr_set" not in said] == [["step_started"], ["run_completed"]]

    def test_that_gives_up_again_and_again_is_a_failure(self) -> None:
        """Each attempt has something for the log when it has locked it: three failures, each behind an interruption."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)
        world.locks = True

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one_fails, 0, 0.1)
            assert await result(engine, run_id) == "run_failed"
            facts = [event.fact for event in await stage.events(run_id)]
            assert [fact.attempt for fact in facts if isinstance(fact, StepStarted)] == [2, 3, 4, 5, 6]
            [failed] = [fact for fact in facts if isinstance(fact, StepFailed)]
            assert failed.error.message == (
                "the world can't be reached: the run's log waits for what the step's transaction has locked"
            )

        stage.play(scene)
        assert (world.rows, world.open) == ([], 0)

    def test_that_gives_up_is_not_repeated_where_it_is_at_most_once(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, beside_once)
            while not world.open:
                await asyncio.sleep(0.001)
            world.stuck = asyncio.Event()
            await asyncio.sleep(enclosing.LANDING_S + 1)
            world.stuck.set()
            assert "attempt 1 of step tx:put_once was interrupted" in await result(engine, run_id)

        stage.play(scene)
        assert world.rows == []


@workflow(name="tx:beside_once")
async def beside_once() -> list[Any]:
    return await asyncio.gather(once.fn(0.2), plain(0.1))


PARTS = (*PARTS, beside_once)


class TestWhileOneIsOpen:
    @pytest.mark.parametrize(("exclusive", "written"), [(True, False), (False, True)])
    def test_the_runs_own_log(self, exclusive: bool, written: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, beside, 0.5, 0.1)
            await asyncio.sleep(0.4)
            assert world.open
            assert ("step_completed" in await stage.types(run_id)) is written
            assert await result(engine, run_id) == '["a in attempt 1",0.1,"b in attempt 1"]'

        stage.play(scene)

    def test_an_exclusive_one_waits_for_its_turn_among_runs(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=True)

        async def scene() -> None:
            engine = await stage.working(*PARTS, world=world)
            runs = [(await engine.start(new(one, f"{n}", 0.1))).run_id for n in range(5)]
            most = 0
            while not all([await stage.status(run_id) == "completed" for run_id in runs]):
                most = max(most, world.open)
                await asyncio.sleep(0.01)
            assert most == 1

        stage.play(scene)
        assert sorted(world.rows) == ["0", "1", "2", "3", "4"]
        assert stage.passed_ms < 1000

    def test_shared_ones_are_open_together(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine = await stage.working(*PARTS, world=world)
            runs = [(await engine.start(new(one, f"{n}", 0.1))).run_id for n in range(5)]
            await asyncio.sleep(0.05)
            assert world.open == 5
            for run_id in runs:
                await engine.end(run_id)

        stage.play(scene)

    def test_a_lost_race_rolls_it_back(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, raced, 5.0)
            assert await result(engine, run_id) == '"late"'

        stage.play(scene)
        assert (world.rows, world.open) == ([], 0)
        assert stage.passed_ms < 1000

    @EXCLUSIVE
    def test_a_deadline(self, exclusive: bool) -> None:
        """Comes in time where others may write; else when the transaction is over, and then it is too late for it."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, late, 0.5)
            assert await result(engine, run_id) == ('"a in attempt 1"' if exclusive else '"late"')

        stage.play(scene)
        assert (world.rows, world.open) == (["a"] if exclusive else [], 0)

    def test_who_ignores_that_nobody_waits_any_more_writes_nothing(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, drops)
            assert await result(engine, run_id) == '"dropped"'
            await asyncio.sleep(2)

        stage.play(scene)
        assert (world.rows, world.open) == ([], 0)

    @EXCLUSIVE
    def test_a_forced_end_rolls_it_back(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 5.0)
            await asyncio.sleep(0.1)
            assert engine.worker is not None
            engine.worker.runs[run_id].departure.force()
            assert await result(engine, run_id) == "run_cancelled"

        stage.play(scene)
        assert (world.rows, world.open) == ([], 0)

    @EXCLUSIVE
    def test_a_worker_that_stops_rolls_it_back_and_hands_the_run_over(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 5.0)
            await asyncio.sleep(0.1)
            await engine.close()
            assert (world.rows, world.open) == ([], 0)
            other = await stage.working(*PARTS, world=world)
            assert await result(other, run_id) is not None

        stage.play(scene)
        assert world.rows == ["a"]

    @EXCLUSIVE
    def test_a_stop_with_patience_lets_it_land(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.slow_s = 0.3

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.2)
            await asyncio.sleep(0.1)
            await engine.close(1.0)
            assert world.rows == ["a"]
            assert (await stage.types(run_id))[-1] in ("step_completed", "run_completed")

        stage.play(scene)


class TestAFailure:
    @EXCLUSIVE
    def test_of_the_function_is_retried_without_its_rows(self, exclusive: bool) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one_fails, 2)
            assert await result(engine, run_id) == "3"
            record = await stage.world.read_run(run_id)
            assert record is not None
            assert record.attributes == {"tried": "3"}
            page = await stage.world.streams.read(run_id, "", 0, 9)
            assert page is not None
            assert [chunk.data for chunk in page.chunks] == [b"3"], "chunks go with the completion"

        stage.play(scene)
        assert (world.rows, world.opened, world.open) == (["attempt 3"], 3, 0)

    @EXCLUSIVE
    def test_at_the_commit_is_one_of_the_step(self, exclusive: bool) -> None:
        """As of a deferred constraint: nothing was written, and the store says why."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.fates = [ValueError("deferred"), ValueError("deferred")]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one_fails, 0)
            assert await result(engine, run_id) == "3"
            facts = [event.fact for event in await stage.events(run_id)]
            assert [fact.error.message for fact in facts if isinstance(fact, StepRetrying)] == ["deferred"] * 2
            page = await stage.world.streams.read(run_id, "", 0, 9)
            assert page is not None
            assert [chunk.data for chunk in page.chunks] == [b"3"]

        stage.play(scene)
        assert world.rows == ["attempt 3"]

    def test_at_the_commit_uses_the_budget_up(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=True)
        world.fates = [ValueError(f"deferred {n}") for n in range(3)]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert await result(engine, run_id) == "run_failed"
            [failed] = [event.fact for event in await stage.events(run_id) if isinstance(event.fact, StepFailed)]
            assert (failed.attempt, failed.error.message) == (3, "deferred 2")

        stage.play(scene)
        assert (world.rows, world.open) == ([], 0)

    def test_for_want_of_space_is_one_of_the_step(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=True)
        world.fates = [WorldFull("/there")]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert await result(engine, run_id) == '"a in attempt 2"'

        stage.play(scene)

    def test_of_a_world_without_tables_is_told_once(self) -> None:
        stage = Stage()

        async def scene() -> None:
            engine = await stage.working(*PARTS)
            run_id = (await engine.start(new(one, "a", 0.0))).run_id
            assert await result(engine, run_id) == "run_failed"
            [failed] = [event.fact for event in await stage.events(run_id) if isinstance(event.fact, StepFailed)]
            assert failed.error.type == "perdure.errors:TransactionInvalid"
            assert failed.error.message == str(
                TransactionInvalid("tx:put", "memory:// has no tables; use a SQLite or a PostgreSQL world")
            )
            assert failed.attempt == 1

        stage.play(scene)

    @EXCLUSIVE
    def test_to_open_one_is_no_attempt(self, exclusive: bool, caplog: pytest.LogCaptureFixture) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.begins = [WorldUnavailable("locked"), WorldFull("/there"), WorldUnavailable("locked")]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert await result(engine, run_id) == '"a in attempt 1"'

        stage.play(scene)
        assert world.rows == ["a"]
        assert caplog.text.count("step tx:put has no transaction yet, trying again") == 3


class TestALostAnswer:
    @EXCLUSIVE
    @pytest.mark.parametrize(("fate", "attempt"), [("lost", 1), ("away", 1)])
    def test_is_found_in_the_log(self, exclusive: bool, fate: str, attempt: int) -> None:
        """At once, and with a new epoch. What isn't there is begun again; its creation wasn't there either."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.fates = [fate]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert await result(engine, run_id) == f'"a in attempt {attempt}"'
            events = await stage.events(run_id)
            assert events[-1].epoch == 2
            assert sum(isinstance(event.fact, StepCompleted) for event in events) == 1

        stage.play(scene)
        assert (world.rows, world.opened) == (["a"], 1 if fate == "lost" else 2)
        assert stage.passed_ms < 500

    def test_of_a_recorded_start_is_an_interruption(self) -> None:
        """It takes a number, and nothing of the budget, which two failures have used up."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=False)
        world.fates = [ValueError("deferred"), ValueError("deferred"), "away", "away", ""]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.1)
            assert await result(engine, run_id) == '"a in attempt 5"'

        stage.play(scene)
        assert world.rows == ["a"]

    @EXCLUSIVE
    @pytest.mark.parametrize("fate", ["lost", "away"])
    def test_at_most_once(self, exclusive: bool, fate: str) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.fates = [fate]

        async def scene() -> None:
            engine, run_id = await begun(stage, world, once, 0.0)
            told = await result(engine, run_id)
            assert told == '"a"' if fate == "lost" else "was interrupted" in told

        stage.play(scene)
        assert (world.rows, world.opened) == (["a"] if fate == "lost" else [], 1)

    def test_keeps_nobody_else_waiting(self) -> None:
        stage = Stage()
        world = Tabled(stage.world, exclusive=True)
        world.fates = ["away", "lost", "away", "", "lost"]

        async def scene() -> None:
            engine = await stage.working(*PARTS, world=world)
            runs = [(await engine.start(new(beside, 0.01, 0.01))).run_id for _ in range(5)]
            for run_id in runs:
                await engine.end(run_id)

        stage.play(scene)
        assert sorted(world.rows) == ["a"] * 5 + ["b"] * 5
        assert stage.passed_ms < 3000


class TestAnotherOwner:
    @EXCLUSIVE
    def test_fences_what_was_open(self, exclusive: bool) -> None:
        """As when the worker stood still, and somebody took the run over: its transaction writes nothing."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=exclusive)
        world.slow_s = 0.2

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.1)
            await asyncio.sleep(0.2)
            assert engine.worker is not None
            record = await stage.world.read_run(run_id)
            assert record is not None
            assert await stage.world.reclaim(engine.worker.worker_id, run_id, record.epoch)
            await asyncio.sleep(0.15)
            assert (world.rows, world.open) == ([], 0)
            assert await result(engine, run_id) is not None

        stage.play(scene)
        assert world.rows == ["a"]

    def test_a_lapsed_lease_keeps_a_body_from_beginning(self) -> None:
        """O3: to open a transaction may have taken long."""
        stage = Stage()
        world = Tabled(stage.world, exclusive=True)

        async def scene() -> None:
            engine, run_id = await begun(stage, world, one, "a", 0.0)
            assert engine.worker is not None
            engine.worker.steps.pause()
            await asyncio.sleep(0.5)
            assert (world.rows, world.open) == ([], 0)
            engine.worker.steps.resume()
            assert await result(engine, run_id) == '"a in attempt 1"'

        stage.play(scene)


@EXCLUSIVE
@pytest.mark.parametrize("fate", ["", "lost", "away"])
def test_one_for_a_queue_is_in_the_transaction_of_who_serves_it(exclusive: bool, fate: str) -> None:
    stage = Stage()
    world = Tabled(stage.world, exclusive=exclusive)
    world.fates = [fate]

    async def scene() -> None:
        owner, other = stage.engine(*PARTS, world=world), stage.engine(*PARTS, world=world)
        await owner.work(queues=frozenset(("default",)))
        await other.work(queues=frozenset(("db",)))
        run_id = (await owner.start(new(sends, "a"))).run_id
        assert await result(owner, run_id) == '"a"'

    stage.play(scene)
    assert (world.rows, world.open) == (["a"], 0)


@step(name="tx:put_there", transaction=True, queue="db")
async def put_there(what: str) -> str:
    get_connection().append(what)
    return what


@workflow(name="tx:sends")
async def sends(what: str) -> str:
    return await put_there(what)


def test_a_run_that_waits_afterwards_is_put_away() -> None:
    stage = Stage()
    world = Tabled(stage.world, exclusive=True)

    async def scene() -> None:
        engine, run_id = await begun(stage, world, sleeper)
        assert engine.worker is not None
        await asyncio.sleep(4)
        assert engine.worker.runs == {}
        assert await result(engine, run_id) == '"awake"'

    stage.play(scene)


@workflow(name="tx:sleeper")
async def sleeper() -> str:
    await asyncio.gather(put("a"), late.fn(0.0))
    await sleep("5s")
    return "awake"


PARTS = (*PARTS, sleeper, sends, put_there)
