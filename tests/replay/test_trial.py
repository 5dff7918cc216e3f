"""Today's code against a log: what fits, what doesn't, and the end of a finished run."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perdure import step, workflow
from perdure.codec.failure import to_failure
from perdure.model.event import AnyFact, RunCancelled, RunCompleted, RunCreated, RunFailed
from perdure.model.ids import RunId
from perdure.replay.trial import THE_END, trial
from tests.core import logs
from tests.core.logs import done, raw

RUN = RunId("wrun_01KB4M3C9V0T7QK2S6H8N1XEZA")
A, B = "0/step:trial:a#0", "0/step:trial:b#0"


@step(name="trial:a")
async def a(number: int = 0) -> int:
    raise AssertionError("a trial runs no step")


@step(name="trial:b")
async def b() -> int:
    raise AssertionError("a trial runs no step")


async def only_a() -> int:
    return await a()


async def a_then_b() -> int:
    return await a() + await b()


async def b_alone() -> int:
    return await b()


async def raises() -> int:
    await a()
    raise ValueError("x")


def tried(
    code: Callable[[], Coroutine[Any, Any, int]], *lines: tuple[int, str, AnyFact], to_its_end: bool = False
) -> tuple[str, str] | None:
    definition = workflow(name=f"trial:{code.__name__}")(code).definition
    found = trial(RUN, logs.log(*lines), definition, to_its_end=to_its_end)
    return None if found is None else (found.recorded, found.attempted)


async def fails_at_once() -> int:
    raise ValueError("a secret")


async def ends_at_once() -> int:
    return 1


def test_who_asks_for_nothing_since_it_has_ended_says_so() -> None:
    assert tried(fails_at_once, STEP_A) == ("step trial:a({})", "the failure builtins:ValueError: a secret")
    assert tried(ends_at_once, STEP_A) == ("step trial:a({})", THE_END)
    definition = workflow(name="trial:discreet")(fails_at_once).definition
    found = trial(RUN, logs.log(STEP_A), definition, show=lambda _: "…")
    assert found is not None and found.attempted == "the failure builtins:ValueError"


STEP_A = (0, A, logs.step("trial:a"))
DONE_A = (1, A, done("1"))
ENDED = (1, "", RunCompleted(result=raw("1")))


@pytest.mark.parametrize("lines", [(STEP_A,), (STEP_A, DONE_A), (STEP_A, DONE_A, ENDED)])
def test_the_same_code_fits_wherever_the_run_stands(lines: tuple[tuple[int, str, AnyFact], ...]) -> None:
    assert tried(only_a, *lines) is None
    assert tried(only_a, *lines, to_its_end=True) is None


def test_other_code_does_not() -> None:
    assert tried(b_alone, STEP_A) == ("step trial:a({})", "step trial:b({})")
    assert tried(only_a, STEP_A, DONE_A, (1, B, logs.step("trial:b"))) == ("step trial:b({})", THE_END)


def test_what_lies_behind_the_end_may_be_anything_but_for_who_asks() -> None:
    lines = (STEP_A, DONE_A, ENDED)
    assert tried(a_then_b, *lines) is None
    assert tried(a_then_b, *lines, to_its_end=True) == (THE_END, "step trial:b({})")
    assert tried(raises, *lines, to_its_end=True) == ("the result 1", "the failure builtins:ValueError: x")


def test_how_it_ended_is_compared() -> None:
    failed = RunFailed(error=to_failure(ValueError("x")))
    assert tried(raises, STEP_A, DONE_A, (1, "", failed), to_its_end=True) is None
    assert tried(only_a, STEP_A, (0, "", RunCancelled(forced=True)), to_its_end=True) is None, "by force: as it pleased"


def test_a_run_that_has_not_begun_fits_all() -> None:
    definition = workflow(name="trial:b_alone")(b_alone).definition
    assert trial(RUN, logs.log(STEP_A)[:1], definition) is None
    assert isinstance(logs.log()[0].fact, RunCreated)
