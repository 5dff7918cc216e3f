"""A place to simulate in without a whole simulation: virtual time, a store, and the processes that a test asks for."""

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from perdure.codec.arguments import encode_arguments
from perdure.engine.engine import Engine, NewRun
from perdure.engine.registry import Registry
from perdure.model.ids import RunId
from perdure.testing.simulation.faults import NONE, Faults, Rates
from perdure.testing.simulation.ledger import Ledger
from perdure.testing.simulation.loop import ProcessLoop
from perdure.testing.simulation.process import Process, Surroundings
from perdure.testing.simulation.program import ARGUMENT, Suite
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Universe
from perdure.testing.simulation.wire import Wire
from perdure.world import Log
from tests.testing.simulation.suite.programs import SUITE

T = TypeVar("T")
FOREVER_US = 10**12
PATIENCE_MS = 60_000


class Caller:
    """A process as its wire sees it, whose fate the test decides, call by call; then none."""

    def __init__(self, universe: Universe) -> None:
        self.loop = ProcessLoop(universe, self)
        self.fates: list[str] = []
        self.calls: list[str] = []
        self.deaths = 0

    def fate_of(self, call: str) -> str:
        self.calls.append(call)
        return self.fates.pop(0) if self.fates else ""

    def die(self) -> None:
        self.deaths += 1
        self.loop.kill()


class Doomed(Process):
    """A process that may have a call with an appointed fate."""

    dooms: dict[str, str]

    def fate_of(self, call: str) -> str:
        if self.works and call in self.dooms:
            faults = self.around.faults
            faults._appointed = (faults.calls + 1, self.dooms.pop(call))
        return super().fate_of(call)


@dataclass
class Answer:
    """What a call came to, and when."""

    result: Any = None
    error: BaseException | None = None
    at_ms: float | None = None


class Site:
    """`seed` decides what falls by chance; `rates` is how often what goes wrong, for ever."""

    def __init__(self, seed: int = 1, rates: Rates = NONE) -> None:
        self.universe = Universe(seed)
        self.store = Store(self.universe)
        self.faults = Faults(self.universe, rates, FOREVER_US)
        self.trace: list[str] = []
        self.around = Surroundings(
            universe=self.universe,
            store=self.store,
            faults=self.faults,
            ledger=Ledger(self.store),
            trace=self.trace.append,
        )
        self.caller = Caller(self.universe)
        self.wire = Wire(self.store, self.universe, self.faults, self.caller)
        self.processes: list[Process] = []
        self.dooms: dict[str, str] = {}

    # -- time

    @property
    def now_ms(self) -> float:
        return self.universe.now_us / 1000

    def pass_ms(self, delay_ms: float) -> None:
        """Let so much time pass."""
        until_us = self.universe.now_us + round(delay_ms * 1000)
        self.universe.at_us(until_us, None, lambda: None)
        self.universe.run(until_us)

    def wait(self, condition: Callable[[], object], within_ms: int = PATIENCE_MS) -> None:
        """Let time pass until this holds, to the millisecond."""
        until_ms = self.now_ms + within_ms
        while not condition():
            assert self.now_ms < until_ms, "that never happened"
            self.pass_ms(1)

    # -- who acts

    def process(
        self, name: str = "worker", *, works: bool = True, skew_ms: int = 0, suite: Suite = SUITE, version: int = 0
    ) -> Process:
        """A process; with `works` it knows the programs of the suite."""
        registry = suite.registry(version) if works else Registry()
        process = Doomed(self.around, name, registry, works=works, skew_ms=skew_ms)
        process.dooms = self.dooms
        self.processes.append(process)
        return process

    def worker(self, name: str = "worker", **how: Any) -> Process:
        """A process that is at work."""
        process = self.process(name, **how)
        self.wait(lambda: process.engine is not None and process.engine.worker is not None)
        return process

    def outsider(self) -> Process:
        """One that only asks."""
        process = self.process("outsider", works=False)
        self.wait(lambda: process.engine is not None)
        return process

    def play(self, scene: Coroutine[Any, Any, T], loop: ProcessLoop | None = None) -> T:
        """Run this to its end, on the caller's loop or another."""
        task = (loop or self.caller.loop).create_task(scene)
        self.wait(task.done)
        return task.result()

    def ask(self, process: Process, job: Callable[[Engine], Any]) -> Any:
        """Have a process do something, and wait for it on another loop."""
        return self.play(process.ask(job))

    def doom(self, call: str, fate: str) -> None:
        """This happens to the next such call of a worker."""
        self.dooms[call] = fate

    def start(self, process: Process, workflow: str = "suite:pair") -> RunId:
        """Start a run there."""
        new = NewRun(workflow=workflow, input=encode_arguments({"given": ARGUMENT}))
        return self.ask(process, lambda engine: engine.start(new)).run_id

    # -- what came of it

    def log(self, run_id: RunId) -> Log:
        log = self.store.log(run_id)
        assert log is not None
        return log

    def types(self, run_id: RunId) -> list[str]:
        return [row.type for row in self.log(run_id).rows]

    def answer(self, future: Any) -> Answer:
        """Wait for what the wire gave, on the caller's loop."""
        answer = Answer()
        future.add_done_callback(partial(self._note, answer))
        self.wait(lambda: answer.at_ms is not None)
        return answer

    def _note(self, answer: Answer, future: Any) -> None:
        answer.at_ms, answer.error = self.now_ms, future.exception()
        if answer.error is None:
            answer.result = future.result()

    def bell(self) -> tuple[Callable[[], None], list[float]]:
        """Something to call, and when it was called."""
        rung: list[float] = []
        return (lambda: rung.append(self.now_ms)), rung

    def end(self) -> None:
        """Nothing of all this goes on."""
        for process in self.processes:
            process.died = lambda: None
            process.loop.kill()
            process.bury()
        self.caller.loop.kill()
        self.caller.loop.bury()


@contextmanager
def site(seed: int = 1, rates: Rates = NONE) -> Generator[Site]:
    """A site that is cleared away afterwards."""
    made = Site(seed, rates)
    try:
        yield made
    finally:
        made.end()
