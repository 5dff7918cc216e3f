"""The World as one process sees it: every call travels, and may be lost, late, or the last that the process makes."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from perdure.errors import WorldFull, WorldUnavailable
from perdure.model.ids import MailId, RunId, WorkerId
from perdure.testing.simulation.faults import Faults
from perdure.testing.simulation.loop import Died, ProcessLoop
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Universe
from perdure.world import (
    Claim,
    Claimed,
    Lease,
    Letter,
    Log,
    Operation,
    Outcome,
    Owned,
    RunFilter,
    RunPage,
    RunRecord,
    WorkerRecord,
)

TRAVEL_MS = (1, 6)
SLOW_MS = (50, 500)
LATE_MS = (20, 3000)
PAUSE_MS = (300, 6000)
HINT_MS = (1, 3)
Call = Callable[[], Any]


class Caller(Protocol):
    """The process that calls."""

    loop: ProcessLoop

    def fate_of(self, call: str) -> str:
        """It makes this call: what happens to it, as a kind of fault, or empty."""
        ...

    def die(self) -> None: ...


class FaultyWorld:
    """A World for one process. `skew_ms`: how far its idea of the store's clock is off."""

    def __init__(self, store: Store, universe: Universe, faults: Faults, caller: Caller, skew_ms: int) -> None:
        self.url = "simulation://"
        self._store, self._universe, self._faults, self._caller = store, universe, faults, caller
        self._skew_ms = skew_ms
        self._just_claimed: set[RunId] = set()

    # -- the port

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def now_ms(self) -> int:
        return self._store.now_ms() + self._skew_ms

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._store.world.subscribe(partial(self._hint, hint))

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        if self._faults.happens("full"):
            future = self._caller.loop.create_future()
            self._answer(future, None, WorldFull("/simulated"), self._delay_ms(""))
            return future
        return self._ask("commit", partial(self._store.commit, tuple(operations)))

    async def read_log(self, run_id: RunId, from_seq: int = 1) -> Log | None:
        if run_id in self._just_claimed:
            self._just_claimed.discard(run_id)
            if self._faults.happens("stale"):
                return await self._ask("read_log", partial(self._store.older_log, run_id))
        return await self._call("read_log", run_id, from_seq)

    async def read_run(self, run_id: RunId) -> RunRecord | None:
        return await self._call("read_run", run_id)

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return await self._call("read_mail", run_id)

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return await self._call("has_mail", run_id, mail_id)

    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return await self._call("find_run", idempotency_key)

    async def list_runs(self, filter: RunFilter) -> RunPage:
        return await self._call("list_runs", filter)

    async def beat(self, lease: Lease) -> int:
        return await self._call("beat", lease)

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await self._ask("retire", partial(self._store.call, "retire", worker_id, died=died))

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._call("workers")

    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed: list[Claimed] = await self._call("claim", claim)
        self._just_claimed = {run.run_id for run in claimed}
        return claimed

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        return await self._call("reclaim", worker_id, run_id, epoch)

    async def owned(self, worker_id: WorkerId) -> list[Owned]:
        return await self._call("owned", worker_id)

    async def next_due_ms(self, workflows: tuple[str, ...]) -> int | None:
        return await self._call("next_due_ms", workflows)

    # -- what happens to a call

    def _call(self, name: str, *args: Any) -> Any:
        return self._ask(name, partial(self._store.call, name, *args))

    def _ask(self, name: str, call: Call) -> Any:
        caller = self._caller
        if caller.loop.dead:
            raise Died
        fate = caller.fate_of(name)
        if fate == "kill":
            fate = self._universe.random.choice(("kill before", "kill after"))
        if fate == "kill after":
            _quietly(call)
        if fate in ("kill before", "kill after"):
            caller.die()
            raise Died
        if fate == "pause":
            caller.loop.pause(self._universe.now_us + self._universe.random.randrange(*PAUSE_MS) * 1000)
        future: Any = caller.loop.create_future()
        delay_ms = self._delay_ms(fate)
        if fate == "away":
            self._answer(future, None, WorldUnavailable("simulated: nothing was written"), delay_ms)
        elif fate == "lost":
            self._lose(call)
            self._answer(future, None, WorldUnavailable("simulated: the answer was lost"), delay_ms)
        elif self._universe.random.random() < 0.5:
            self._land(future, call, delay_ms)
        else:
            self._universe.after_ms(delay_ms, partial(self._land, future, call, 0.0))
        return future

    def _delay_ms(self, fate: str) -> float:
        return self._universe.random.uniform(*(SLOW_MS if fate == "slow" else TRAVEL_MS))

    def _land(self, future: Any, call: Call, delay_ms: float) -> None:
        """The call reaches the store; its answer is back so much later."""
        try:
            result, error = call(), None
        except Exception as raised:
            result, error = None, raised
        self._answer(future, result, error, delay_ms)

    def _lose(self, call: Call) -> None:
        """The call lands now, or (the caller has long given up) later; nobody hears of it."""
        if self._universe.random.random() < 0.5:
            _quietly(call)
        else:
            self._universe.after_ms(self._universe.random.uniform(*LATE_MS), partial(_quietly, call))

    def _answer(self, future: Any, result: Any, error: Exception | None, delay_ms: float) -> None:
        def arrive() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._caller.loop.call_later(delay_ms / 1000, arrive)

    def _hint(self, hint: Callable[[], None]) -> None:
        """Somebody has written: this process hears of it at once, late, twice, or not at all."""
        times = 1
        if self._faults.happens("hint"):
            times = self._universe.random.choice((0, 0, 1, 2))
        for _ in range(times):
            delay_ms = self._universe.random.choice((HINT_MS, HINT_MS, SLOW_MS))
            self._caller.loop.call_later(self._universe.random.uniform(*delay_ms) / 1000, hint)


def _quietly(call: Call) -> None:
    try:
        call()
    except Exception:  # nobody is there to be told
        pass
