"""O: what takes the rules of ownership out."""

from typing import Any

from msgspec.structs import replace

from perdure.core.pending import Pending
from perdure.engine import ownership as sweeping
from perdure.engine.departure import Departure
from perdure.engine.lease import LeaseKeeper
from perdure.engine.opening import Opener
from perdure.engine.ownership import OWNED_EVERY_S, Sweeper
from perdure.engine.running import Running
from perdure.engine.step import Steps
from perdure.worlds.memory import ownership as owning
from perdure.worlds.memory.state import Draft, Kept
from perdure.worlds.memory.world import MemoryWorld
from tests.faults.rules.patching import Patching, patch, several


def old_snapshots() -> Patching:
    """O1: a log that reads shorter than the claim said is not read again."""
    strict = Opener.adopt

    async def adopt(opener: Opener, claimed: Any) -> None:
        await strict(opener, replace(claimed, length=0))

    return patch.object(Opener, "adopt", adopt)


def born_to_anyone() -> Patching:
    """O2: a run is born with an owner whose lease is over."""
    return patch.object(Draft, "is_live", lambda draft, worker_id: True)


def never_looking() -> Patching:
    """O3: a worker doesn't look for runs that it owns and doesn't hold."""

    async def find_owned(sweeper: Sweeper) -> None:
        sweeper._look_at = sweeper._loop.time() + OWNED_EVERY_S

    return patch.object(Sweeper, "find_owned", find_owned)


def endless_lease() -> Patching:
    """O3: a worker begins steps though its lease has lapsed."""
    return patch.object(LeaseKeeper, "live", property(lambda keeper: True))


def lease_looked_at_once() -> Patching:
    """O3: a worker looks at its lease before it commits a step's start, not again before the body."""
    strict = Steps.go

    def go(steps: Steps, running: Running) -> None:
        looking, paused = steps._has_lease, steps._paused
        steps._has_lease, steps._paused = lambda: True, False
        strict(steps, running)
        steps._has_lease, steps._paused = looking, paused

    return patch.object(Steps, "go", go)


def leaving_without_a_word() -> Patching:
    """O4: a worker that stops hands nothing back."""

    async def retire(world: MemoryWorld, worker_id: Any, *, died: bool) -> None:
        pass

    return several(
        patch.object(Departure, "hand_back", lambda departure: None),
        patch.object(MemoryWorld, "retire", retire),
    )


def asleep_for_ever() -> Patching:
    """O5: a run that is put away doesn't say when it is due."""
    return patch.object(Pending, "next_ms", lambda pending: None)


def every_death_counts() -> Patching:
    """O6: deaths of runs that aren't on probation count as well."""
    strict = owning._take
    return patch.object(
        owning, "_take", lambda state, kept, worker: strict(state, replace(kept, probation=True), worker)
    )


def no_death_counts() -> Patching:
    """O6: nobody counts."""
    strict = owning._hand_over

    def hand_over(state: Any, kept: Kept, worker_id: Any, recoveries: int, *, died: bool) -> Any:
        return strict(state, kept, worker_id, 0, died=died)

    return patch.object(owning, "_hand_over", hand_over)


def probation_together() -> Patching:
    """O6: all suspects are on probation at once."""
    strict = Opener.next_suspect

    async def next_suspect(opener: Opener) -> None:
        while opener._suspects:
            opener._on_probation = None
            await strict(opener)

    return patch.object(Opener, "next_suspect", next_suspect)


def parked_runs_are_claimed() -> Patching:
    """O7: a parked run is claimable, though nobody has retried it."""
    strict = owning.claim

    def claim(state: Any, asked: Any, now_ms: int) -> Any:
        parked = {run_id: kept for run_id, kept in state.runs.items() if kept.record.status == "blocked"}
        for run_id, kept in parked.items():
            state.runs[run_id] = replace(kept, record=replace(kept.record, status="running", wake_at_ms=0))
        claimed = strict(state, asked, now_ms)
        for run_id in parked.keys() - {run.run_id for run in claimed}:
            state.runs[run_id] = parked[run_id]
        return claimed

    return patch.object(owning, "claim", claim)


def hints_alone() -> Patching:
    """O8: a worker sweeps when it is told to, and only then."""
    return patch.object(sweeping, "SWEEP_S", 1e6)
