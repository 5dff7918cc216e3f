"""The lab as tests see it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from perdure.api.connect import keys
from perdure.api.info import hook_info, wait_info
from perdure.api.records import HookInfo, WaitInfo
from perdure.api.step import Step
from perdure.core.hook import hooks_of
from perdure.core.standing import waits_of
from perdure.engine.log import read_log, to_events
from perdure.errors import RunBlocked
from perdure.model.duration import Duration, duration_ms
from perdure.model.event import Event, RunCreated
from perdure.model.ids import RunId
from perdure.replay.trial import outside_of_tasks, trial
from perdure.testing.kit.bench import Bench, elsewhere
from perdure.testing.kit.clock import Clock
from perdure.testing.kit.crash import Crash, Crashes
from perdure.testing.kit.spy import Call, Replaced
from perdure.testing.kit.story import story
from perdure.testing.kit.world import LabWorld
from perdure.world.clock import wall_clock_ms

T = TypeVar("T")
PATIENCE_S = 1.0
LOOK_S = 0.001


class AnyRun(Protocol):
    """A handle on a run, of `perdure` or of `perdure.sync`."""

    run_id: str


class Lab:
    """`async with lab() as lab`, or the fixture `lab`: until its end every verb of this process finds its world.

    A `run` is a handle or an id, a `step` a function that `@step` decorates, or its name. Only recorded calls count: what a
    step calls as a plain function is neither replaced nor noted. Steps run for real. Time stands still, but for `advance`:
    the time of bodies (sleeps, timeouts, `now()`), of back-off, of the limits of steps, of hooks that expire and starts
    that are delayed.
    """

    def __init__(self, *, at: datetime | None = None, patience: Duration = PATIENCE_S) -> None:
        now_ms = wall_clock_ms() if at is None else round(at.timestamp() * 1000)
        self.bench = Bench(LabWorld(Clock(now_ms)), {}, duration_ms(patience) / 1000)

    async def __aenter__(self) -> "Lab":
        await self.bench.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.bench.__aexit__(*error)
        if error[0] is None:
            self.bench.answers.check()

    # -- time

    def now(self) -> datetime:
        """The lab's time, aware, UTC."""
        return datetime.fromtimestamp(self.bench.clock.now_ms() / 1000, UTC)

    async def advance(self, duration: Duration) -> None:
        """Let so much time pass, the `duration`, moment by moment: what is due happens, in order, each come to rest before
        the next.

        Returns at rest. A step that runs for longer than the lab's patience, in real time, is not waited for: time passes
        over it, so that its timeout can be tested. Raises: DurationInvalid, LabBusy.
        """
        ms = duration_ms(duration)
        await self.bench.working()
        await self.bench.settle()
        await self.bench.pass_until(self.bench.clock.now_ms() + ms)

    async def rest(self) -> None:
        """Wait until everything rests that can't go on without time or a payload. Raises: LabBusy."""
        await self.bench.working()
        await self.bench.settle()

    # -- waiting for a run

    async def wait_for_hook(self, run: AnyRun | str, token: str | None = None) -> HookInfo:
        """The first hook of the run that takes payloads, or the one with this token, as soon as it waits.

        Raises: LabStuck where it doesn't come by itself (it says what the run does instead), RunNotFound.
        """
        run_id = _id(run)

        def found(events: list[Event]) -> HookInfo | None:
            hooks = (hook_info(run_id, hook) for hook in hooks_of(events))
            return next((hook for hook in hooks if hook.status == "waiting" and token in (None, hook.token)), None)

        return await self._wait(run_id, "a hook" if token is None else f"the hook {token!r}", found)

    async def wait_for_sleep(self, run: AnyRun | str) -> WaitInfo:
        """The sleep of the run that ends first, as soon as it sleeps; timeouts don't count. Raises: LabStuck, RunNotFound."""

        def found(events: list[Event]) -> WaitInfo | None:
            sleeps = [wait for wait in map(wait_info, waits_of(events)) if wait.kind == "sleep"]
            return min(
                (wait for wait in sleeps if wait.status == "waiting"), key=lambda wait: wait.due_at, default=None
            )

        return await self._wait(_id(run), "a sleep", found)

    async def _wait(self, run_id: RunId, awaited: str, found: Callable[[list[Event]], T | None]) -> T:
        await self.bench.working()
        coming = asyncio.get_running_loop().create_task(self._comes(run_id, found))
        try:
            return await self.bench.patience.outlast(run_id, awaited, coming)
        finally:
            coming.cancel()

    async def _comes(self, run_id: RunId, found: Callable[[list[Event]], T | None]) -> T:
        while (it := found(await self._events(run_id))) is None:
            await asyncio.sleep(LOOK_S)
        return it

    # -- steps and hooks

    def replace(self, step: "Step[..., Any] | str", fake: Callable[..., Any]) -> Replaced:
        """From now on `fake`, sync or async, is called instead of the step's function: until the end of the `with` block,
        or of the lab. It gets the same arguments, by position, and its attempts are recorded and retried as the step's.

        Raises: UsageError, StepNotRegistered.
        """
        return self.bench.registry.replace(step, fake)

    def calls(self, step: "Step[..., Any] | str") -> list[Call]:
        """The attempts of a step that have begun, in order, of all runs in this lab. Raises: StepNotRegistered."""
        return self.bench.registry.called(step)

    def answer(self, token: str, payload: Any) -> None:
        """Resume each hook whose token matches the pattern `token` (`*` and `?` stand for others) as soon as it waits, once.

        `payload`: a value, or a function, sync or async, that makes it of a HookInfo. What goes wrong is raised by the lab's
        next call.
        """
        self.bench.answers.give(token, payload)

    # -- crashes and replays

    async def crash(self) -> None:
        """The worker's process dies, as it stands: bodies are gone from memory, steps that run are cut off, nothing more of
        them is recorded. Another worker has replayed its runs when this returns. (What steps had in `finally` blocks is run,
        though no real crash would; a sync step's thread goes on.)"""
        await self.bench.working()
        for engine in self.bench.engines():
            await elsewhere(engine, engine.crash)
        await self.bench.settle()

    async def crash_everywhere(self, run: AnyRun | str) -> list[Crash]:
        """Have the worker die before and after each append of a finished run, on copies of it; each copy must end alike.

        Returns what was survived, with the attempts of steps in each copy. Payloads and starts that came from outside come
        again at their times, steps run with the fakes of the lab, and step ids are those of the run: an idempotent provider
        sees the same keys. Copies share nothing else with the lab; what they call isn't in `calls`.

        Raises: NotSurvived; UsageError where the run hasn't ended, or somebody took it over from outside.
        """
        await self.rest()
        run_id = _id(run)
        return await Crashes(self.bench, run_id, await self._events(run_id)).all()

    async def replay(self, run: AnyRun | str) -> None:
        """Run today's code against the run's log, and no step. Of a finished run the end is compared, too.

        Raises: RunBlocked where it diverges, with both sides; WorkflowNotRegistered, RunNotFound.
        """
        run_id = _id(run)
        await self.rest()
        events = await self._events(run_id)
        created = events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        definition = self.bench.registry.workflow(created.workflow)
        divergence = await outside_of_tasks(lambda: trial(run_id, events, definition, to_its_end=True))
        if divergence is not None:
            raise RunBlocked(run_id, divergence.sentence())

    async def story(self, run: AnyRun | str) -> str:
        """The run's log as a text to compare with: a line an event, no ids, times since its start."""
        await self.rest()
        return story(await self._events(_id(run)))

    async def _events(self, run_id: RunId) -> list[Event]:
        """Raises: RunNotFound."""
        self.bench.answers.check()
        return to_events(await read_log(self.bench.world, run_id), keys())


def lab(*, at: datetime | None = None, patience: Duration = PATIENCE_S) -> Lab:
    """A world of its own for a test: in memory, on a clock that stands still until `advance`, with a worker.

    From the beginning of the block to its end every verb of this process finds that world, whatever was or is configured:
    only the World and `work` are the lab's, keys, `base_url` and the rest stay as they are when it opens. `at`: what time
    it is there, now unless given. `patience`: how long, in real time, everything may rest before whoever waits in vain gets
    LabStuck, and a step may run before time passes over it.
    """
    return Lab(at=at, patience=patience)


def _id(run: AnyRun | str) -> RunId:
    return RunId(run if isinstance(run, str) else run.run_id)
