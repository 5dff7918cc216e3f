"""Attempts in their slots: so many at once, paused, cancelled, in threads; and every way in which a body can end."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from perdure import get_step_metadata, step
from perdure.api.step import Step
from perdure.core.pending import OpenStep
from perdure.engine.running import Running
from perdure.engine.step import Steps
from perdure.engine.telemetry import RunTelemetry
from perdure.engine.timers import Timers
from perdure.errors import StepNotRegistered, StepTimeout
from perdure.model.ids import RunId
from perdure.replay.scope import SCOPE
from perdure.worlds.memory import MemoryWorld
from tests.core.logs import raw
from tests.engine.stage import Stage, registry_of

NAPPED: list[int] = []


@step(name="steps:nap")
async def nap(n: int) -> int:
    await asyncio.sleep(1)
    NAPPED.append(n)
    return n


@step(name="steps:limited", timeout="2s")
async def limited(n: float) -> str:
    await asyncio.sleep(n)
    return "in time"


@step(name="steps:own_timeout", timeout="2s")
async def own_timeout() -> None:
    raise TimeoutError("my own")


@step(name="steps:heard", heartbeat_timeout="1s")
async def heard(n: float) -> str:
    await asyncio.sleep(n)
    return "heard"


@step(name="steps:sync")
def sync(kind: str) -> str:
    if kind == "stop":
        raise StopIteration("over")
    return f"{kind} in {threading.current_thread().name.rpartition('_')[0]} as {get_step_metadata().attempt}"


@step(name="steps:blocked", timeout="1s")
def blocked() -> str:
    LET_GO.wait(10)
    return "at last"


@step(name="perdure:relay")
async def relay(n: int) -> int:
    await asyncio.sleep(n)
    return n


@step(name="steps:odd")
async def odd(how: str) -> Any:
    match how:
        case "exit":
            raise SystemExit(3)
        case "interrupt":
            raise KeyboardInterrupt
        case "cancelled":
            raise asyncio.CancelledError
        case "unencodable":
            return object()
        case _:
            raise GeneratorExit


LET_GO = threading.Event()
ALL = (nap, limited, own_timeout, heard, sync, blocked, relay, odd)


class Owner:
    """A run: `ends` has what became of each attempt, `slotted` which of them got a slot, in order.

    An attempt goes as soon as it has its slot, or (`waits`) when the test says so, as if its start were being written.
    """

    run_id = step_of = RunId("wrun_1")
    telemetry = RunTelemetry()

    def __init__(self) -> None:
        self.ends: list[object] = []
        self.slotted: list[Running] = []
        self.waits = False
        self.steps: Steps | None = None

    def slot_came(self, running: Running) -> None:
        self.slotted.append(running)
        running.attempt = 1
        if not self.waits:
            assert self.steps is not None
            self.steps.go(running)

    def step_succeeded(self, running: Running, result: bytes) -> None:
        self.ends.append(result.decode())

    def step_failed(self, running: Running, definition: Any, error: BaseException) -> None:
        self.ends.append(error)

    def step_progressed(self, running: Running, progress: bytes) -> None: ...

    def step_set_attributes(self, running: Running, changes: dict[str, str | None]) -> None: ...


class Slots:
    def __init__(self, concurrency: int = 10, may_begin: Callable[[], bool] = lambda: True) -> None:
        NAPPED.clear()
        self.owner = Owner()
        self.steps = self.owner.steps = Steps(registry_of(*ALL), concurrency, may_begin)

    def begin(self, what: "Step[..., Any] | str", input: str = "{}", number: int = 0) -> Running:
        name = what if isinstance(what, str) else what.definition.name
        loop = asyncio.get_running_loop()
        open_step = OpenStep(f"0/step:{name}#{number}", name, raw(input), first_at_ms=0)
        running = Running(loop, Timers(MemoryWorld(), loop), self.owner, open_step)
        self.steps.begin(running)
        return running

    def nap(self, n: int) -> Running:
        return self.begin(nap, f'{{"n":{n}}}', n)

    @property
    def ends(self) -> list[object]:
        return self.owner.ends


def only_end(what: "Step[..., Any] | str", input: str = "{}", *, after_s: float = 10) -> object:
    async def scene() -> object:
        slots = Slots()
        slots.begin(what, input)
        await asyncio.sleep(after_s)
        [end] = slots.ends
        assert slots.steps.busy == 0
        return end

    return Stage().play(scene)


class TestEnds:
    def test_a_result_is_encoded(self) -> None:
        assert only_end(nap, '{"n":7}') == "7"

    @pytest.mark.parametrize(
        ("how", "error"),
        [
            ("exit", SystemExit),
            ("interrupt", KeyboardInterrupt),
            ("cancelled", asyncio.CancelledError),
            ("generator", GeneratorExit),
        ],
    )
    def test_a_body_that_ends_oddly_ends_alone(self, how: str, error: type[BaseException]) -> None:
        assert isinstance(only_end(odd, f'{{"how":"{how}"}}'), error)

    @pytest.mark.parametrize(
        ("what", "input", "sentence"),
        [
            (odd, '{"how":"unencodable"}', "result can't be recorded: object is not a type that perdure can record"),
            ("steps:gone", "{}", str(StepNotRegistered("steps:gone"))),
            (nap, '{"n":"x"}', "n can't be read back: it is a str, not an int"),
            (nap, "{}", "the arguments don't fit steps:nap: missing a required argument: 'n'"),
            (nap, '{"n":1,"m":2}', "the arguments don't fit steps:nap: it has no parameter 'm'"),
        ],
        ids=["result", "unknown", "type", "missing", "too many"],
    )
    def test_what_does_not_fit_is_told(self, what: "Step[..., Any] | str", input: str, sentence: str) -> None:
        assert str(only_end(what, input)).startswith(sentence.partition(":")[0])

    def test_telemetry_that_fails_is_an_end_too(self) -> None:
        class Broken(RunTelemetry):
            def attempt(self, attempt: Any) -> Any:
                raise OSError("no collector")

        async def scene() -> None:
            slots = Slots()
            slots.owner.telemetry = Broken()
            slots.nap(1)
            await asyncio.sleep(1)
            assert [str(end) for end in slots.ends] == ["no collector"]
            assert slots.steps.busy == 0

        Stage().play(scene)

    def test_a_timeout(self) -> None:
        end = only_end(limited, '{"n":3}')
        assert isinstance(end, StepTimeout)
        assert str(end) == "step steps:limited took longer than 2 s"
        assert only_end(limited, '{"n":1.9}') == '"in time"'

    def test_a_timeout_of_the_steps_own_is_its_own(self) -> None:
        end = only_end(own_timeout)
        assert (type(end), str(end)) == (TimeoutError, "my own")

    def test_silence(self) -> None:
        end = only_end(heard, '{"n":3}')
        assert isinstance(end, StepTimeout)
        assert str(end) == "step steps:heard sent no heartbeat for 1 s"
        assert only_end(heard, '{"n":0.5}') == '"heard"'


class TestSlots:
    def test_so_many_at_once_and_in_order(self) -> None:
        stage = Stage()

        async def scene() -> None:
            slots = Slots(concurrency=2)
            for n in range(5):
                slots.nap(n)
            assert slots.steps.busy == 5
            await asyncio.sleep(1.5)
            assert (sorted(NAPPED), slots.steps.busy) == ([0, 1], 3)
            await asyncio.sleep(1)
            assert (sorted(NAPPED), slots.steps.busy) == ([0, 1, 2, 3], 1)
            await asyncio.sleep(1)
            assert (NAPPED[4], slots.steps.busy) == (4, 0)

        stage.play(scene)

    def test_a_pause_begins_nothing_and_lets_go_on(self) -> None:
        async def scene() -> None:
            slots = Slots()
            slots.nap(0)
            slots.steps.pause()
            slots.nap(1)
            await asyncio.sleep(5)
            assert NAPPED == [0]
            slots.steps.resume()
            await asyncio.sleep(5)
            assert NAPPED == [0, 1]

        Stage().play(scene)

    def test_nothing_begins_without_a_lease(self) -> None:
        lease = [False]

        async def scene() -> None:
            slots = Slots(may_begin=lambda: lease[0])
            slots.nap(0)
            await asyncio.sleep(5)
            assert NAPPED == []
            lease[0] = True
            slots.steps.resume()
            await asyncio.sleep(5)
            assert NAPPED == [0]

        Stage().play(scene)

    def test_a_cancelled_attempt_says_nothing_and_frees_its_slot(self) -> None:
        async def scene() -> None:
            slots = Slots(concurrency=1)
            first = slots.nap(0)
            slots.nap(1)
            await asyncio.sleep(0.5)
            slots.steps.cancel(first)
            await asyncio.sleep(1.2)
            assert (NAPPED, slots.ends) == ([1], ["1"])

        Stage().play(scene)

    def test_one_that_is_cancelled_while_it_waits_never_begins(self) -> None:
        async def scene() -> None:
            slots = Slots(concurrency=1)
            slots.nap(0)
            slots.steps.cancel(slots.nap(1))
            slots.nap(2)
            await asyncio.sleep(5)
            assert NAPPED == [0, 2]

        Stage().play(scene)

    def test_a_close_cancels_what_runs_and_forgets_what_waits(self) -> None:
        async def scene() -> None:
            slots = Slots(concurrency=1)
            slots.nap(0)
            slots.nap(1)
            await asyncio.sleep(0.5)
            slots.steps.close()
            await asyncio.sleep(5)
            assert (NAPPED, slots.ends, slots.steps.busy) == ([], [], 0)

        Stage().play(scene)

    def test_finished_waits_for_what_runs_but_not_for_ever(self) -> None:
        stage = Stage()

        async def scene() -> None:
            slots = Slots()
            await slots.steps.finished(9)
            assert stage.passed_ms == 0
            slots.nap(0)
            await slots.steps.finished(9)
            assert (NAPPED, stage.passed_ms) == ([0], 1000)
            slots.nap(1)
            await slots.steps.finished(0.25)
            assert (NAPPED, stage.passed_ms) == ([0], 1250)
            slots.steps.close()

        stage.play(scene)


class TestBuiltInSteps:
    """They wait for other runs, whose steps want the slots."""

    def test_they_take_none(self) -> None:
        async def scene() -> None:
            slots = Slots(concurrency=1)
            for n in (2, 3):
                slots.begin(relay, f'{{"n":{n}}}', n)
            slots.nap(0)
            assert (len(slots.owner.slotted), slots.steps.busy) == (3, 1)
            slots.nap(1)
            slots.begin(relay, '{"n":0}', 0)
            await asyncio.sleep(0.5)
            assert (slots.ends, slots.steps.busy) == (["0"], 2), "one began though the slots are taken"
            await asyncio.sleep(5)
            assert (NAPPED, len(slots.ends), slots.steps.busy) == ([0, 1], 5, 0)

        Stage().play(scene)

    def test_a_pause_holds_them_up_and_no_queue_does(self) -> None:
        async def scene() -> None:
            slots = Slots(concurrency=1)
            first = slots.nap(0)
            slots.steps.pause()
            slots.nap(1)
            held_up, unwanted = (slots.begin(relay, '{"n":0}', n) for n in (0, 1))
            slots.nap(2)
            await asyncio.sleep(0.1)
            slots.steps.cancel(unwanted)
            assert slots.owner.slotted == [first]
            slots.steps.resume()
            assert slots.owner.slotted == [first, held_up], "with the slots full, and others in line before it"
            slots.steps.close()

        Stage().play(scene)

    def test_none_begins_without_a_lease(self) -> None:
        lease = [False]

        async def scene() -> None:
            slots = Slots(may_begin=lambda: lease[0])
            slots.begin(relay, '{"n":0}')
            slots.steps.resume()  # too early
            await asyncio.sleep(5)
            assert slots.owner.slotted == []
            lease[0] = True
            slots.steps.resume()
            await asyncio.sleep(0.001)
            assert slots.ends == ["0"]

        Stage().play(scene)

    def test_a_drain_does_not_wait_for_them(self) -> None:
        stage = Stage()

        async def scene() -> None:
            slots = Slots()
            slots.begin(relay, '{"n":60}')
            slots.nap(0)
            slots.steps.drain()
            await slots.steps.finished(9)
            assert (NAPPED, stage.passed_ms) == ([0], 1000)
            slots.steps.close()

        stage.play(scene)


class TestASlotBeforeTheStart:
    """An attempt has its slot, and its start is being committed."""

    @staticmethod
    def slots(concurrency: int = 1, may_begin: Callable[[], bool] = lambda: True) -> Slots:
        slots = Slots(concurrency, may_begin)
        slots.owner.waits = True
        return slots

    def test_it_begins_when_it_may_go(self) -> None:
        async def scene() -> None:
            slots = self.slots()
            first = slots.nap(0)
            await asyncio.sleep(5)
            assert (NAPPED, slots.steps.busy) == ([], 1)
            slots.steps.go(first)
            await asyncio.sleep(1.5)
            assert (NAPPED, first.duration_ms(), slots.steps.busy) == ([0], 1500, 0), "the wait doesn't count"

        Stage().play(scene)

    def test_a_cancel_frees_the_slot_once(self) -> None:
        async def scene() -> None:
            slots = self.slots()
            first, second, third = (slots.nap(n) for n in range(3))
            slots.steps.cancel(first)
            slots.steps.cancel(first)
            await asyncio.sleep(0)
            assert slots.owner.slotted == [first, second], "and not the third too"
            slots.steps.go(first)  # its start has been committed meanwhile
            slots.steps.go(second)
            await asyncio.sleep(1.5)
            assert (NAPPED, slots.owner.slotted, slots.steps.busy) == ([1], [first, second, third], 1)
            slots.steps.close()

        Stage().play(scene)

    def test_who_is_cancelled_in_the_same_breath_gets_no_slot(self) -> None:
        """A run that ends cancels one by one."""

        async def scene() -> None:
            slots = self.slots()
            first, second, other = (slots.nap(n) for n in range(3))
            slots.steps.cancel(first)
            slots.steps.cancel(second)
            await asyncio.sleep(0)
            assert slots.owner.slotted == [first, other]
            slots.steps.close()

        Stage().play(scene)

    def test_it_does_not_begin_after_the_lease_has_lapsed_meanwhile(self) -> None:
        """O3."""
        lease = [True]

        async def scene() -> None:
            slots = self.slots(2, lambda: lease[0])
            first, second = slots.nap(0), slots.nap(1)
            lease[0] = False
            slots.steps.go(first)
            lease[0] = True
            slots.steps.pause()
            slots.steps.go(second)
            await asyncio.sleep(5)
            assert (NAPPED, slots.steps.busy) == ([], 2)
            slots.steps.cancel(second)
            slots.steps.resume()
            await asyncio.sleep(5)
            assert (NAPPED, slots.steps.busy) == ([0], 0)

        Stage().play(scene)

    def test_in_a_drain_it_begins_and_is_waited_for(self) -> None:
        """Its start is in the log: an at-most-once step would have been interrupted."""
        stage = Stage()

        async def scene() -> None:
            slots = self.slots()
            first = slots.nap(0)
            slots.nap(1)
            slots.begin(relay, '{"n":0}')
            slots.steps.drain()
            slots.steps.resume()  # a lease that is found again doesn't end a drain
            slots.begin(relay, '{"n":0}')
            asyncio.get_running_loop().call_later(3, slots.steps.go, first)
            await slots.steps.finished(9)
            assert (NAPPED, stage.passed_ms) == ([0], 4000)
            await asyncio.sleep(5)
            assert len(slots.owner.slotted) == 2, "nothing new got a slot"

        stage.play(scene)

    def test_nothing_begins_after_a_close(self) -> None:
        stage = Stage()

        async def scene() -> None:
            slots = self.slots()
            first = slots.nap(0)
            slots.steps.close()
            slots.steps.go(first)
            await slots.steps.finished(9)
            assert stage.passed_ms == 0
            await asyncio.sleep(5)
            assert (NAPPED, slots.ends, slots.steps.busy) == ([], [], 0)

        stage.play(scene)


def test_an_attempt_that_is_cancelled_before_its_first_step_frees_its_slot() -> None:
    """Its task never enters the coroutine, nor a `finally` there."""

    async def scene() -> None:
        slots = Slots(concurrency=1)
        slots.steps.cancel(slots.nap(0))
        slots.nap(1)
        await asyncio.sleep(5)
        assert (NAPPED, slots.ends, slots.steps.busy) == ([1], ["1"], 0)

    Stage().play(scene)


class TestThreads:
    """On a real loop: threads don't know virtual time."""

    @staticmethod
    async def ended(slots: Slots) -> object:
        async with asyncio.timeout(20):
            while not slots.ends:
                await asyncio.sleep(0.001)
        return slots.ends.pop()

    @pytest.mark.anyio
    async def test_a_sync_step_runs_in_one_with_its_scope(self) -> None:
        slots = Slots()
        slots.begin(sync, '{"kind":"all"}')
        assert await self.ended(slots) == '"all in perdure-step as 1"'
        assert SCOPE.get() is None
        slots.steps.close()

    @pytest.mark.anyio
    async def test_stop_iteration_is_an_error_like_others(self) -> None:
        slots = Slots()
        slots.begin(sync, '{"kind":"stop"}')
        end = await self.ended(slots)
        assert isinstance(end, RuntimeError)
        assert str(end) == "step steps:sync raised StopIteration"
        slots.steps.close()

    @pytest.mark.anyio
    async def test_a_thread_that_cannot_be_stopped_keeps_its_slot(self) -> None:
        LET_GO.clear()
        slots = Slots(concurrency=1)
        running = slots.begin(blocked)
        await asyncio.sleep(0)
        slots.steps.cancel(running)
        slots.begin(sync, '{"kind":"next"}')
        await asyncio.sleep(0)
        assert slots.steps.busy == 2
        LET_GO.set()
        assert await self.ended(slots) == '"next in perdure-step as 1"'
        assert slots.ends == [], "the late result is dropped"
        slots.steps.close()

    @pytest.mark.anyio
    async def test_threads_are_made_only_for_sync_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[int] = []

        def making(workers: int, **options: Any) -> ThreadPoolExecutor:
            made.append(workers)
            return ThreadPoolExecutor(workers, **options)

        monkeypatch.setattr("perdure.engine.step.ThreadPoolExecutor", making)
        slots = Slots(concurrency=7)
        slots.begin(odd, '{"how":"exit"}')
        await self.ended(slots)
        assert made == []
        slots.begin(sync, '{"kind":"x"}')
        await self.ended(slots)
        assert made == [7]
        slots.steps.close()
