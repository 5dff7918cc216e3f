"""Senders: payload after payload to a run's hooks, each resolved once, insisted on, and noted."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from perdure.engine.engine import Engine
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from perdure.testing.simulation.sender import MARK, Sender, Sent
from tests.testing.simulation.site import Site, site
from tests.testing.simulation.suite import programs

SEEDS = range(12)
SUITE = programs.suite_of(programs.CHATTY)


class Asked:
    """A worker that is asked, again and again; `fails`: every so many of its answers are lost."""

    def __init__(self, here: Site, fails: int = 0) -> None:
        self.here, self.process = here, here.worker(suite=SUITE)
        self.asked, self._fails = 0, fails

    async def __call__(self, job: Callable[[Engine], Awaitable[Any]]) -> Any:
        while True:
            self.asked += 1
            answer = await self.process.ask(job)
            if not self._fails or self.asked % self._fails:
                return answer

    def sends(self, run_id: RunId, sent: list[Sent], over: Callable[[], bool], *, quiet: bool = False) -> None:
        sender = Sender(self, self.here.universe.random, self.here.store.now_ms, 7, sent, quiet=quiet)
        self.here.play(sender.live((f"chatty:{run_id}",), over))


def scene(seed: int, fails: int = 0, *, quiet: bool = False) -> tuple[Site, RunId, list[Sent]]:
    with site(seed) as here:
        asked = Asked(here, fails)
        run_id = here.start(asked.process, "suite:chatty")
        sent: list[Sent] = []
        asked.sends(run_id, sent, lambda: here.types(run_id)[-1] == "run_completed", quiet=quiet)
        return here, run_id, sent


def payloads(here: Site, run_id: RunId) -> list[str]:
    rows = here.log(run_id).rows
    return [row.payload.decode().split('"')[3] for row in rows if row.type == "hook_received"]


def test_payloads_are_sent_until_it_is_over() -> None:
    here, run_id, sent = scene(1, quiet=True)
    assert payloads(here, run_id) == [one.payload for one in sent if one.told == "accepted"]
    assert [one.payload for one in sent] == [f"{MARK}7.{number}" for number in range(len(sent))]
    assert {(one.run_id, one.key) for one in sent if one.told == "accepted"} == {(run_id, "0/hook#0")}


def test_what_was_accepted_is_there_once_though_answers_are_lost() -> None:
    told: set[str] = set()
    for seed in SEEDS:
        here, run_id, sent = scene(seed, fails=3)
        accepted = [one.payload for one in sent if one.told == "accepted"]
        assert sorted(payloads(here, run_id)) == sorted(accepted)
        told |= {one.told for one in sent}
    assert told == {"accepted", "refused"}, "some come too late"


def test_a_token_that_nobody_has_refuses() -> None:
    with site() as here:
        sent: list[Sent] = []
        Asked(here).sends(RunId("nobody"), sent, lambda: len(sent) > 2, quiet=True)
        assert {(one.told, one.run_id) for one in sent} == {("refused", None)}


def test_now_and_then_two_are_on_their_way_at_once() -> None:
    with site() as here:
        sent: list[Sent] = []
        rounds: list[int] = []
        Asked(here).sends(RunId("nobody"), sent, lambda: bool(rounds.append(len(sent))) or len(rounds) > 30)
        assert {after - before for before, after in pairwise(rounds)} == {1, 2}


def test_other_errors_are_the_insisters() -> None:
    async def away(job: Callable[[Engine], Awaitable[Any]]) -> Any:
        raise WorldUnavailable("away")

    with site() as here:
        sent: list[Sent] = []
        sender = Sender(away, here.universe.random, here.store.now_ms, 1, sent, quiet=True)
        task = here.caller.loop.create_task(sender.live(("t",), lambda: False))
        here.wait(task.done)
        assert isinstance(task.exception(), WorldUnavailable)
        assert [one.told for one in sent] == [""]
