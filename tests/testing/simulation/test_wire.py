"""The way to the store: what each kind of fault does to a call, and to a hint."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from perdure.errors import WorldFull, WorldUnavailable
from perdure.testing.simulation.faults import NONE, Rates
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.wire import HINT_MS, LATE_MS, PAUSE_MS, SLOW_MS, TRAVEL_MS
from perdure.world import RunFilter
from tests.testing.simulation.site import Site, site

SEEDS = range(30)


@pytest.fixture
def here() -> Generator[Site]:
    with site() as made:
        yield made


def seeded() -> Generator[Site]:
    """The same site under many seeds."""
    for seed in SEEDS:
        with site(seed) as made:
            yield made


def landing(here: Site, error: Exception | None = None) -> tuple[Callable[[], object], list[float]]:
    """A call, and when it reached the store."""
    at_ms: list[float] = []

    def land() -> str:
        at_ms.append(here.now_ms)
        if error is not None:
            raise error
        return "result"

    return land, at_ms


def near(interval_ms: tuple[int, int], ms: float | None) -> bool:
    """Whether this lies in the interval, but for the rounding to microseconds."""
    return ms is not None and interval_ms[0] - 0.01 <= ms <= interval_ms[1] + 0.01


# -- without a fault


def test_a_call_lands_once_and_is_answered_soon() -> None:
    landed: set[bool] = set()
    for here in seeded():
        call, at_ms = landing(here)
        answer = here.answer(here.wire.ask("commit", call))
        assert (answer.result, answer.error, len(at_ms)) == ("result", None, 1)
        assert near(TRAVEL_MS, answer.at_ms)
        assert here.caller.calls == ["commit"]
        landed.add(at_ms == [0])
    assert landed == {True, False}, "the way there, or the way back, takes the time"


def test_a_call_by_its_name(here: Site) -> None:
    answer = here.answer(here.wire.call("list_runs", RunFilter()))
    assert (answer.result.runs, here.caller.calls) == ((), ["list_runs"])


def test_what_the_store_raises_comes_back() -> None:
    for here in seeded():
        error = ValueError("can't be stored")
        call, at_ms = landing(here, error)
        answer = here.answer(here.wire.ask("commit", call))
        assert (answer.error, len(at_ms)) == (error, 1)
        assert near(TRAVEL_MS, answer.at_ms)


def test_who_no_longer_waits_is_not_told() -> None:
    for here in seeded():
        call, at_ms = landing(here)
        here.wire.ask("commit", call).cancel()
        here.pass_ms(100)
        assert (len(at_ms), here.caller.loop.reports) == (1, [])


# -- death


def test_killed_before_a_call(here: Site) -> None:
    call, at_ms = landing(here)
    here.caller.fates = ["kill before"]
    with pytest.raises(Died):
        here.wire.ask("commit", call)
    here.pass_ms(10_000)
    assert (at_ms, here.caller.deaths) == ([], 1)


@pytest.mark.parametrize("error", [None, ValueError()])
def test_killed_after_a_call(here: Site, error: Exception | None) -> None:
    call, at_ms = landing(here, error)
    here.caller.fates = ["kill after"]
    with pytest.raises(Died):
        here.wire.ask("commit", call)
    here.pass_ms(10_000)
    assert (at_ms, here.caller.deaths) == ([0], 1)


def test_a_kill_is_before_or_after() -> None:
    landed: list[int] = []
    for here in seeded():
        call, at_ms = landing(here)
        here.caller.fates = ["kill"]
        with pytest.raises(Died):
            here.wire.ask("commit", call)
        landed.append(len(at_ms))
        assert here.caller.deaths == 1
    assert set(landed) == {0, 1}


def test_the_dead_call_nobody(here: Site) -> None:
    call, at_ms = landing(here)
    here.caller.loop.kill()
    with pytest.raises(Died):
        here.wire.ask("commit", call)
    with pytest.raises(Died):
        here.wire.call("beat")
    assert (at_ms, here.caller.calls) == ([], [])


def test_what_was_under_way_lands_though_its_caller_died() -> None:
    for here in seeded():
        call, at_ms = landing(here)
        future = here.wire.ask("commit", call)
        here.caller.loop.kill()
        here.pass_ms(100)
        assert len(at_ms) == 1
        assert not future.done()


# -- calls that fail


def test_refused_calls_never_land() -> None:
    for here in seeded():
        call, at_ms = landing(here)
        here.caller.fates = ["away"]
        answer = here.answer(here.wire.ask("commit", call))
        assert isinstance(answer.error, WorldUnavailable)
        assert "nothing was written" in str(answer.error)
        assert near(TRAVEL_MS, answer.at_ms)
        here.pass_ms(10_000)
        assert at_ms == []


@pytest.mark.parametrize("error", [None, ValueError()])
def test_lost_answers_are_of_calls_that_land_now_or_later(error: Exception | None) -> None:
    landed: list[float] = []
    for here in seeded():
        call, at_ms = landing(here, error)
        here.caller.fates = ["lost"]
        answer = here.answer(here.wire.ask("commit", call))
        assert isinstance(answer.error, WorldUnavailable)
        assert "the answer was lost" in str(answer.error)
        assert near(TRAVEL_MS, answer.at_ms)
        here.pass_ms(10_000)
        assert len(at_ms) == 1, "it lands once, and nobody hears of it"
        landed += at_ms
    later = [at_ms for at_ms in landed if at_ms]
    assert 0 < len(later) < len(landed)
    assert all(near(LATE_MS, at_ms) for at_ms in later)
    assert max(later) > 1000, "long after the answer that was none"


def test_slow_calls_take_long() -> None:
    for here in seeded():
        call, at_ms = landing(here)
        here.caller.fates = ["slow"]
        answer = here.answer(here.wire.ask("commit", call))
        assert (answer.result, len(at_ms)) == ("result", 1)
        assert near(SLOW_MS, answer.at_ms)


def test_a_full_store_takes_no_commit(here: Site) -> None:
    answer = here.answer(here.wire.full())
    assert isinstance(answer.error, WorldFull)
    assert near(TRAVEL_MS, answer.at_ms)


# -- pauses


def test_a_pause_holds_the_answer_up_not_the_call() -> None:
    pauses: list[float] = []
    for here in seeded():
        call, at_ms = landing(here)
        here.caller.fates = ["pause"]
        future = here.wire.ask("commit", call)
        assert here.caller.loop.paused
        answer = here.answer(future)
        assert answer.result == "result"
        assert near(PAUSE_MS, answer.at_ms)
        assert near((0, TRAVEL_MS[1]), at_ms[0])
        pauses.append(answer.at_ms or 0)
    assert min(pauses) < 2000 < max(pauses)


# -- hints


def test_a_hint_comes_at_once(here: Site) -> None:
    hint, rung = here.bell()
    for _ in range(20):
        here.wire.hint(hint)
    here.pass_ms(10_000)
    assert len(rung) == 20
    assert all(near(HINT_MS, at_ms) for at_ms in rung)


def hinted(seed: int) -> list[str]:
    """How each hint of one that is harmed comes."""
    with site(seed, Rates(hint=1.0)) as here:
        hint, rung = here.bell()
        here.wire.hint(hint)
        here.pass_ms(10_000)
        assert here.faults.counts == {"hint": 1}
        return sorted("soon" if near(HINT_MS, at_ms) else "late" if near(SLOW_MS, at_ms) else "?" for at_ms in rung)


def test_hints_are_lost_late_or_doubled() -> None:
    ways = [hinted(seed) for seed in SEEDS]
    assert {tuple(way) for way in ways} == {(), ("late",), ("late", "soon")}


def test_the_dead_hear_nothing() -> None:
    with site(rates=Rates(hint=1.0)) as here:
        hint, rung = here.bell()
        here.caller.loop.kill()
        here.wire.hint(hint)
        here.pass_ms(10_000)
        assert (rung, here.faults.counts) == ([], {})


def test_who_is_paused_hears_a_hint_afterwards(here: Site) -> None:
    hint, rung = here.bell()
    here.caller.loop.pause(5_000_000)
    here.wire.hint(hint)
    here.pass_ms(10_000)
    assert rung == [5000]


# -- whether a fault happens


@pytest.mark.parametrize(("rates", "happens"), [(NONE, False), (Rates(full=1.0), True)])
def test_faults_happen_to_the_living(rates: Rates, happens: bool) -> None:
    with site(rates=rates) as here:
        assert here.wire.happens("full") is happens
        here.caller.loop.kill()
        state: Any = here.universe.random.getstate()
        assert not here.wire.happens("full")
        assert here.universe.random.getstate() == state, "chance is left to the living"
        assert here.faults.counts["full"] == happens
