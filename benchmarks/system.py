"""What is measured: the verbs that a system brings, so that all systems are timed by the same clock at the same places.

A verb blocks until what it names is durable and done. Each system is in its own module, imported only where it is
measured: an import costs memory and time that would be charged to its neighbour.
"""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Literal, Protocol, TypeVar

from benchmarks.place import store_of
from benchmarks.workload import Trial

MODULES = {"floor": "benchmarks.floor_{store}", "perdure": "benchmarks.subject", "dbos": "benchmarks.peer_dbos"}
AGENTS = {"perdure": "benchmarks.subject_agent", "dbos": "benchmarks.peer_dbos_agent"}
AnswerKind = Literal["whole", "streamed"]
"""How a model's answer comes."""
S = TypeVar("S", bound="System")


class System(Protocol):
    """A run is one execution of a workflow; a step of it does nothing but return its number."""

    step_times_s: list[float]
    """When each step's body began, by `time.perf_counter`; for the floor, when the step was committed."""

    def __init__(self, place: str) -> None: ...

    def open(self, crew: int = 0) -> None:
        """Open the store, and be ready to run; with a crew of so many processes, which do the runs of `many`."""
        ...

    def close(self) -> None: ...

    def member(self) -> None:
        """In a process of a crew, instead of `open`: say `crew.ready()`, and work until stdin is closed."""
        ...

    def sequence(self, steps: int) -> None:
        """One run, from its start to its result: the steps one after another."""
        ...

    def one_by_one(self, runs: int) -> list[float]:
        """Runs of one step, each started after the last one's result; how long each took, in seconds."""
        ...

    def many(self, runs: int, steps: int) -> None:
        """Runs that are all started at once; until the last result."""
        ...

    def parallel(self, steps: int) -> None:
        """One run, from its start to its result: all steps at once."""
        ...

    def signals(self, runs: int) -> list[float]:
        """Runs that wait for a payload, one after another; from its sending to the run's end, in seconds."""
        ...

    def stream(self, chunks: int) -> tuple[float, float]:
        """A step writes so many chunks of 100 bytes, a client follows: seconds from the first write to when the client
        has the first, and the last."""
        ...

    def sleepers(self, runs: int) -> float:
        """Runs that sleep for an hour; when every sleep was durable, by `time.perf_counter`, as checked afterwards."""
        ...

    def idle(self, seconds: float) -> None:
        """Nothing for that long, so that the system can tidy up behind its sleepers."""
        ...

    def doomed(self, steps: int) -> None:
        """One run whose process kills itself once that many steps are done. Doesn't return."""
        ...

    def resume(self, steps: int) -> float:
        """In the next process, instead of `open`: when the doomed run began its next step, by `time.perf_counter`.

        Raises AssertionError if that is any other than the one behind `steps`.
        """
        ...


class AgentSystem(System, Protocol):
    """A system that has agents too."""

    kinds: tuple[AnswerKind, ...]
    """Those that it can keep."""

    def ask(self, kind: AnswerKind, calls: int, *, durable: bool) -> None:
        """One run of an agent, from its start to its result, that asks its model so often; or one that is kept nowhere."""
        ...

    def first_words(self, messages: int, *, session: bool) -> list[float]:
        """Messages to a chat over HTTP, one after another, all of one session or each of its own: seconds from the model's
        first words to when the client has them."""
        ...


def load(name: str, place: str) -> System:
    """The system of that name, not yet open, with its store there."""
    return importlib.import_module(MODULES[name].format(store=store_of(place))).SYSTEM(place)


def opened(trial: Trial) -> contextlib.AbstractContextManager[System]:
    """The trial's system, open and warm."""
    return _ready(load(trial.system, trial.place), trial)


def opened_agents(trial: Trial) -> contextlib.AbstractContextManager[AgentSystem]:
    """The same with its agents, whose imports the other workloads are spared."""
    system: AgentSystem = importlib.import_module(AGENTS[trial.system]).SYSTEM(trial.place)
    return _ready(system, trial)


@contextlib.contextmanager
def _ready(system: S, trial: Trial) -> Iterator[S]:
    """The warm-up takes SQLite's log past its first checkpoint: until then the log's file grows, which makes commits dear."""
    system.open()
    system.sequence(trial.warm_up_steps)
    yield system
    system.close()
