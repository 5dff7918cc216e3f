"""Every crash that a finished run could have had: on copies of its World, before and after each append.

A copy begins as the World stood before an append of the run. A worker goes on from there, as after a restart; it dies at
its next append, before or after that is kept; another worker brings the run to its end. What was sent and started from
outside comes again, at its times, and time passes as fast as it can.
"""

from dataclasses import dataclass
from hashlib import blake2b

from msgspec import Raw
from msgspec.structs import replace

from perdure.api.connect import keys
from perdure.core.divergence import SHOWN_CHARACTERS, cut
from perdure.engine.log import read_log, to_events
from perdure.errors import UsageError
from perdure.model.event import ENDS, Event, Fact, RunBlocked, RunCancelled, RunCompleted, RunFailed
from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.kit.bench import Bench
from perdure.testing.kit.failure import NotSurvived
from perdure.testing.kit.spy import Call
from perdure.testing.kit.world import Moment
from perdure.world import Append, Refused, Send, Start

STEP_PATIENCE = 30
"""So often the lab's patience may run out while a step runs, and nothing else does."""
MOMENTS: tuple[Moment, ...] = ("before", "after")


@dataclass(frozen=True, kw_only=True)
class Crash:
    """One that was survived: `where` ("before append 3"), and the attempts of steps that began in that copy."""

    where: str
    calls: tuple[Call, ...]


class Crashes:
    """Of one finished run of a bench. Raises: UsageError where it hasn't ended, or somebody outside ended it by force."""

    def __init__(self, bench: Bench, run_id: RunId, events: list[Event]) -> None:
        self._bench, self._run_id = bench, run_id
        end = events[-1].fact
        if not isinstance(end, ENDS):
            raise UsageError(f"run {run_id} hasn't ended: crash_everywhere needs a finished run")
        if any(operation.seize for _, operation in self._appends()):
            raise UsageError(f"run {run_id} was taken over from outside (cancelled by force, retried): start another")
        self._end = end_text(end)

    async def all(self) -> list[Crash]:
        """Raises: NotSurvived."""
        return [
            await self._one(place, number, moment)
            for number, (place, _) in enumerate(self._appends(), 1)
            for moment in MOMENTS
        ]

    def _appends(self) -> list[tuple[int, Append]]:
        """With what was done to the World before."""
        return [
            (place, operation)
            for place, deed in enumerate(self._bench.world.deeds)
            for operation in deed.operations
            if isinstance(operation, Append) and operation.run_id == self._run_id and operation.rows
        ]

    async def _one(self, place: int, number: int, moment: Moment) -> Crash:
        where = f"{moment} append {number}"
        world = await self._bench.world.as_of(place)
        world.kill_at(self._run_id, moment)
        bench = Bench(world, self._bench.registry.fakes, self._bench.patience.seconds)
        async with bench:
            end = await self._to_its_end(bench, self._inputs(place), where)
            calls = tuple(bench.registry.calls)
        if end_text(end) != self._end:
            raise NotSurvived(self._run_id, where, self._end, end_text(end))
        return Crash(where=where, calls=calls)

    def _inputs(self, place: int) -> list[tuple[int, Send | Start]]:
        """What came from outside from there on."""
        return [
            (deed.at_ms, operation if isinstance(operation, Send) else replace(operation, owner=None))
            for deed in self._bench.world.deeds[place:]
            for operation in deed.operations
            if isinstance(operation, Send | Start)
        ]

    async def _to_its_end(self, bench: Bench, inputs: list[tuple[int, "Send | Start"]], where: str) -> Fact:
        world = bench.world
        await bench.working()
        patience = STEP_PATIENCE
        while True:
            still = await bench.settle()
            if world.killed:
                await _die(bench)
                continue
            log = await read_log(world, self._run_id)
            if log.run.status in ENDED or log.run.status == "blocked":
                return to_events(log, keys())[-1].fact
            due_ms = await bench.next_ms()
            comes_first = inputs and (due_ms is None or inputs[0][0] <= due_ms)
            if comes_first and await self._came(bench, *inputs[0]):
                inputs.pop(0)
            elif due_ms is None and not still and patience:
                patience -= 1  # a step takes its real time, as it did when the run was not yet a copy
            elif due_ms is None:
                raise NotSurvived(self._run_id, where, self._end, await bench.standing(self._run_id))
            else:
                bench.move(due_ms)

    async def _came(self, bench: Bench, at_ms: int, operation: "Send | Start") -> bool:
        """Whether it was taken: a hook may not be there yet."""
        bench.move(at_ms)
        outcome = (await bench.world.commit([operation]))[0]
        for engine in bench.engines():
            engine.look()
        return not isinstance(outcome, Refused)


async def _die(bench: Bench) -> None:
    """The worker is gone, and never hears of its last commit; another one takes over."""
    for engine in bench.engines():
        engine.abandon()
    bench.world.bury()
    for engine in bench.engines():
        await engine.crash()


def end_text(end: Fact) -> str:
    """How a run ended, as far as it has to end alike after a crash."""
    match end:
        case RunCompleted(result=result):
            return f"the result {_whole(result)}"
        case RunFailed(error=error):
            return f"the failure {error.type.rpartition(':')[2]}: {error.message}"
        case RunCancelled(reason=reason):
            return f"a cancellation ({reason})" if reason else "a cancellation"
        case RunBlocked(sentence=sentence):
            return f"that it is blocked: {sentence}"
        case _:
            return end.type


def _whole(value: Raw) -> str:
    """As far as there is room; a digest stands for all of it where there isn't."""
    text = cut(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text} (digest {blake2b(value, digest_size=8).hexdigest()})"
