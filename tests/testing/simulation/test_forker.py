"""Forkers: they fork a run, and its forks, insist, and keep what they were told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from perdure.codec.fact import unpack
from perdure.engine.engine import Engine
from perdure.model.event import RunCreated
from perdure.model.ids import RunId
from perdure.testing.simulation.forker import EDITED, Forked, Forker
from perdure.testing.simulation.process import Process
from perdure.world import Log
from tests.testing.simulation.site import site

SEEDS = range(15)


@dataclass
class Asked:
    """Asks a worker, or (`moody`) now and then somebody without code; and of some answers nobody hears the first time."""

    worker: Process
    outsider: Process
    moody: bool
    times: int = 0

    async def __call__(self, job: Callable[[Engine], Awaitable[Any]]) -> Any:
        self.times += 1
        if self.moody and self.times % 3 == 0:
            return await self.outsider.ask(job)
        if self.moody and self.times % 4 == 0:
            await self.worker.ask(job)
        return await self.worker.ask(job)


@dataclass
class Found:
    run_id: RunId
    forks: list[Forked]
    logs: dict[RunId, Log]

    def created(self, run_id: RunId) -> RunCreated:
        fact = unpack(RunCreated.type, self.logs[run_id].rows[0].payload)
        assert isinstance(fact, RunCreated)
        return fact


def found(seed: int, *, moody: bool = False) -> Found:
    """What a forker left behind."""
    with site(seed) as here:
        asked = Asked(here.worker(), here.outsider(), moody)
        run_id, forks = here.start(asked.worker), list[Forked]()
        here.play(Forker(asked, here.universe.random, forks).live(run_id))
        return Found(run_id, forks, {run.run_id: here.log(run.run_id) for run in here.store.runs()})


def test_forks_are_of_the_run_and_of_its_forks_and_have_ended() -> None:
    origins, edits, refused = 0, 0, 0
    for seed in SEEDS:
        one = found(seed)
        for forked in one.forks:
            of = forked.seen.run.run_id
            assert of == one.run_id or of in [other.run_id for other in one.forks]
            assert one.logs[of].rows[: len(forked.seen.rows)] == forked.seen.rows
            origins, edits, refused = (
                origins + (of != one.run_id),
                edits + forked.edited,
                refused + bool(forked.refused),
            )
            assert (forked.run_id is None) is bool(forked.refused)
            if forked.run_id is not None:
                created = one.created(forked.run_id)
                assert created.forked_from is not None and created.forked_from.run_id == of
                assert one.logs[forked.run_id].rows[-1].type == "run_completed"
                edited = [row.payload for row in one.logs[forked.run_id].rows if row.key in created.forked_from.edited]
                assert forked.edited is any(EDITED.encode() in payload for payload in edited)
            assert forked.asked == 1
        assert len(one.logs) == 1 + sum(forked.run_id is not None for forked in one.forks)
    assert origins and edits and refused < 5


def test_it_insists_and_counts_how_often_somebody_was_asked() -> None:
    doubled = 0
    for seed in SEEDS:
        one = found(seed, moody=True)
        asked, made = sum(forked.asked for forked in one.forks), len(one.logs) - 1
        assert made <= asked
        doubled += made > sum(forked.run_id is not None for forked in one.forks)
    assert doubled, "a fork that nobody heard of is there all the same"
