"""Clients: they insist until they are answered, meddle as their program says, and keep what they were told."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from random import Random
from typing import TypeVar, cast

import pytest

from perdure.engine.engine import Engine
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from perdure.testing.simulation.client import AGAIN_S, GRACES_MS, Client, Story
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import Process
from perdure.testing.simulation.program import Program
from tests.testing.simulation.site import Site, site
from tests.testing.simulation.suite import programs

T = TypeVar("T")
SEEDS = range(20)


class Crew:
    """A fleet of one: all questions go to this process, but the next few, which fail as they are told to."""

    def __init__(self, here: Site, process: Process) -> None:
        self.random: Random = here.universe.random
        self.deployed = True
        self.asked_at_ms: list[float] = []
        self.failures: list[BaseException] = []
        self._here, self.process = here, process

    def anyone(self) -> Process:
        return cast(Process, self)

    def now_ms(self) -> int:
        return self._here.store.now_ms()

    async def ask(self, job: Callable[[Engine], Awaitable[T]]) -> T:
        self.asked_at_ms.append(self._here.now_ms)
        if self.failures:
            raise self.failures.pop(0)
        return await self.process.ask(job)


@pytest.fixture
def here() -> Generator[Site]:
    with site() as made:
        yield made


def lived(here: Site, program: Program, *, quiet: bool = True, crew: Crew | None = None) -> Story:
    """A client's whole life, beside a worker."""
    story = Story(program=program)
    crew = crew or Crew(here, here.worker())
    here.play(Client(crew, 1, story, quiet=quiet).live())
    return story


def lives(program: Program, *, quiet: bool = False) -> Generator[tuple[Site, Story]]:
    """The same under many seeds."""
    for seed in SEEDS:
        with site(seed) as made:
            yield made, lived(made, program, quiet=quiet)


def end_of(here: Site, story: Story) -> str:
    assert story.run_id is not None
    return here.types(story.run_id)[-1]


# -- start and end


def test_a_client_starts_a_run_and_is_told_its_end(here: Site) -> None:
    story = lived(here, programs.PAIR)
    [run] = here.store.runs()
    assert (story.run_id, run.workflow, run.idempotency_key) == (run.run_id, "suite:pair", "start 1")
    assert story.told is not None
    assert (story.told.type, end_of(here, story), story.done) == ("run_completed", "run_completed", True)
    assert (story.graces, story.woken, story.retried, story.refused, story.due_ms) == ([], 0, 0, [], None)


@pytest.mark.parametrize("error", [Died(), WorldUnavailable("away")])
def test_a_client_insists(here: Site, error: BaseException) -> None:
    crew = Crew(here, here.worker())
    crew.failures = [error, error]
    story = lived(here, programs.PAIR, crew=crew)
    first, *again = crew.asked_at_ms[:3]
    assert again == [pytest.approx(first + AGAIN_S * 1000), pytest.approx(first + 2 * AGAIN_S * 1000)]
    assert end_of(here, story) == "run_completed"


def test_a_second_try_of_a_start_finds_the_same_run(here: Site) -> None:
    worker = here.worker()
    here.doom("commit", "kill after")
    crew = Crew(here, worker)
    here.universe.after_ms(100, lambda: setattr(crew, "process", here.process("next")))
    story = lived(here, programs.PAIR, crew=crew)
    assert [run.run_id for run in here.store.runs()] == [story.run_id]
    assert not worker.alive


def test_what_else_goes_wrong_is_not_tried_again(here: Site) -> None:
    crew = Crew(here, here.worker())
    crew.failures = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        lived(here, programs.PAIR, crew=crew)


def test_some_clients_come_later_and_some_of_their_runs_are_due_later() -> None:
    stories = list(lives(programs.PAIR))
    due = 0
    for here, story in stories:
        [run] = here.store.runs()
        if story.due_ms is not None:
            due += 1
            assert story.due_ms > run.created_at_ms
            assert (run.started_at_ms or 0) >= story.due_ms
    assert 0 < due < len(stories) / 2
    assert len({here.store.runs()[0].created_at_ms for here, _ in stories}) > len(stories) / 2


def test_a_quiet_client_starts_at_once(here: Site) -> None:
    began_at_ms = here.store.now_ms()
    lived(here, programs.PAIR)
    assert here.store.runs()[0].created_at_ms - began_at_ms < 50


# -- cancel


def test_cancels_are_noted_with_their_grace() -> None:
    graces: set[int | None] = set()
    for here, story in lives(programs.CANCELLED):
        assert end_of(here, story) == "run_cancelled"
        assert story.told is not None
        assert story.graces
        graces.update(story.graces)
    assert graces == set(GRACES_MS)


def test_who_must_be_forced_is_given_a_grace() -> None:
    graces = {grace for _, story in lives(programs.FORCED) for grace in story.graces}
    assert graces == set(GRACES_MS) - {None}


def test_one_that_never_ends_is_cancelled_even_in_quiet() -> None:
    for here, story in lives(programs.CANCELLED, quiet=True):
        assert end_of(here, story) == "run_cancelled"


def test_some_are_cancelled_as_often_as_their_program_says() -> None:
    program = Program(workflow=programs.laborious, cancel=0.5)
    cancelled = [bool(story.graces) for _, story in lives(program)]
    assert 0 < sum(cancelled) < len(cancelled)
    assert not any(story.graces for _, story in lives(program, quiet=True))


# -- wake


def test_wakes_are_counted(here: Site) -> None:
    story = lived(here, programs.SLEEPER, quiet=False)
    assert story.run_id is not None
    assert here.types(story.run_id).count("wait_completed") == 1
    assert story.woken >= 1
    assert here.now_ms < 12_000, "it slept for as long as it would"


# -- repin


def test_a_run_is_moved_away_and_comes_back() -> None:
    moved = replace(programs.SLEEPER, wakes=False, repins=True)
    for here, story in lives(moved):
        types = here.types(story.run_id or RunId(""))
        assert types.count("run_repinned") == 2
        assert types[-1] == "run_completed"
        assert here.store.runs()[0].pin == ""
    for here, story in lives(moved, quiet=True):
        assert "run_repinned" not in here.types(story.run_id or RunId(""))


# -- retry


def test_a_failed_run_is_retried_as_often_as_its_program_says() -> None:
    for program, end, retried in ((programs.MENDING, "run_completed", 2), (programs.HOPELESS, "run_failed", 1)):
        with site() as here:
            story = lived(here, program)
            assert (end_of(here, story), story.retried, story.refused, story.told) == (end, retried, [], None)
            assert [*here.types(story.run_id or RunId(""))].count("run_retried") == retried


def test_a_refused_retry_is_noted(here: Site) -> None:
    story = lived(here, programs.ACTED)
    assert (end_of(here, story), story.retried) == ("run_failed", 0)
    assert len(story.refused) == 1


def test_a_parked_run_is_left_where_no_code_is_to_blame(here: Site) -> None:
    here.store._poison = lambda append: any(row.type == "step_completed" for row in append.rows)
    story = lived(here, programs.INDIGESTIBLE)
    assert (end_of(here, story), story.retried, story.done) == ("run_blocked", 0, True)


def test_a_parked_run_is_retried_until_its_code_is_back(here: Site) -> None:
    """Its log is of the first version; the second parks it, the third fits again."""
    suite = programs.suite_of(programs.CHANGED)
    first = here.worker("first", suite=suite, version=0)
    crew, story = Crew(here, first), Story(program=programs.CHANGED)
    crew.deployed = False
    life = here.caller.loop.create_task(Client(crew, 1, story, quiet=True).live())
    here.wait(lambda: story.run_id and "step_created" in here.types(story.run_id))
    first.die()
    second = here.worker("second", suite=suite, version=1)
    crew.process = second
    here.wait(lambda: story.run_id and here.types(story.run_id).count("run_blocked") == 6)
    assert not life.done(), "more code is to come"
    second.die()
    crew.process = here.worker("third", suite=suite, version=2)
    crew.deployed = True
    here.wait(life.done)
    assert (end_of(here, story), story.done, story.retried) == ("run_completed", True, 0)


def test_a_parked_run_is_given_up_when_no_code_is_to_come(here: Site) -> None:
    suite = programs.suite_of(programs.CHANGED)
    first = here.worker("first", suite=suite, version=0)
    crew, story = Crew(here, first), Story(program=programs.CHANGED)
    life = here.caller.loop.create_task(Client(crew, 1, story, quiet=True).live())
    here.wait(lambda: story.run_id and "step_created" in here.types(story.run_id))
    first.die()
    crew.process = here.worker("second", suite=suite, version=1)
    here.wait(life.done)
    assert (end_of(here, story), story.done) == ("run_blocked", True)


# -- hooks and streams


def test_a_client_sends_to_its_runs_hooks_and_follows_its_streams() -> None:
    for seed in SEEDS:
        with site(seed) as here:
            story = Story(program=programs.CHATTY)
            crew = Crew(here, here.worker(suite=programs.suite_of(programs.CHATTY)))
            here.play(Client(crew, 1, story, quiet=False).live())
            assert end_of(here, story) == "run_completed"
            assert sum(sent.told == "accepted" for sent in story.sent) >= 3
            assert story.run_id is not None
            [page] = here.store.streams(story.run_id).values()
            assert len(page.chunks) == 3
            assert story.readings[-1].whole
            assert story.done


def test_a_client_of_others_sends_and_reads_nothing() -> None:
    for _, story in lives(programs.PAIR):
        assert (story.sent, story.readings) == ([], [])


def test_a_client_forks_what_its_program_says_and_waits_for_it() -> None:
    forked = 0
    for here, story in lives(programs.FORKED):
        forked += len(story.forks)
        assert len(here.store.runs()) == 1 + sum(one.run_id is not None for one in story.forks)
        assert all(run.status == "completed" for run in here.store.runs())
    assert forked
    for _, story in lives(programs.FORKED, quiet=True):
        assert story.forks == []
