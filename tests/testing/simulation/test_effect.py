"""What a simulated step does: it writes to the ledger, takes its time, and fails as the seed says."""

import asyncio
from typing import Any

import pytest

from perdure import Retry, Workflow, get_writable, start, step, workflow
from perdure.testing.simulation.effect import (
    FAILING_ATTEMPTS,
    Shaken,
    begin,
    crash,
    drain,
    effect,
    linger,
    put,
    shaken,
)
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.faults import NONE, Rates
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.simulation import Plan, simulate

OFTEN = Retry(max_retries=9, delay="10ms", factor=1)


@step(name="effect:whole", retry=OFTEN)
async def whole(what: str, told: str) -> str:
    return await effect(f"did {what}", told, "wrun_nowhere")


@step(name="effect:counting", retry=OFTEN)
async def counting() -> int:
    """How often it has begun, once that is three times."""
    begun = begin()
    if begun < 3:
        raise Shaken
    return begun


@step(name="effect:shaky", retry=OFTEN)
async def shaky() -> bool:
    begin()
    if shaken():
        raise Shaken
    return True


@step(name="effect:lingering")
async def lingering() -> float:
    """How many ms it took, by its own clock."""
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    await linger()
    return (loop.time() - begun_at) * 1000


@step(name="effect:deadly")
async def deadly() -> str:
    """Kills its process, but only once; nothing behind that is heard of."""
    if begin() == 1:
        crash()
        raise Shaken
    return "survived"


@step(name="effect:pouring", retry=OFTEN)
async def pouring() -> None:
    """Writes and drains; the first attempt fails behind that."""
    out, later = get_writable(str), get_writable(str, namespace="later", atomic=True)
    first = begin() == 1
    await drain(out, await put(out))
    await put(later)
    await put(out, end=not first)
    if first:
        raise Shaken


@workflow(name="effect:child")
async def child(given: str) -> str:
    return given


@workflow(name="effect:telling")
async def telling(given: str) -> str:
    run = await start(child, given)
    return await whole(given, run.run_id)


@workflow(name="effect:counted")
async def counted(given: str) -> int:
    return await counting()


@workflow(name="effect:shaken")
async def often_shaken(given: str) -> bool:
    return await shaky()


@workflow(name="effect:lingered")
async def lingered(given: str) -> list[float]:
    return [await lingering() for _ in range(100)]


@workflow(name="effect:survived")
async def survived(given: str) -> str:
    return await deadly()


@workflow(name="effect:poured")
async def poured(given: str) -> None:
    await pouring()


def ran(flow: Workflow[..., Any], rates: Rates = NONE) -> tuple[Any, Evidence]:
    """The result of a run of this workflow, alone in a simulation; and all that it left behind."""
    program = Program(workflow=flow, cancel=0)
    suite = Suite(programs=(program,), children=(child,), steps=(whole, counting, shaky, lingering, pouring, deadly))
    plan = Plan(suite=suite, programs=(program,), each=True, rates=rates, workers=1, quiet=True, restarts=0)
    evidence = simulate(plan, 1)
    [story] = evidence.stories
    assert evidence.mischief == []
    assert story.told is not None
    return getattr(story.told, "result", None), evidence


def test_a_whole_effect_is_in_the_ledger() -> None:
    result, evidence = ran(telling)
    [written] = evidence.effects
    assert bytes(result) == b'"did x"'
    assert (written.step, written.attempt, written.epoch) == ("effect:whole", 1, 1)
    assert (written.owner, written.lease_live, written.recorded) == (True, True, False)
    assert written.missing == ("wrun_nowhere",)


def test_beginning_tells_how_often_it_has_begun() -> None:
    result, evidence = ran(counted)
    assert bytes(result) == b"3"
    assert [written.attempt for written in evidence.effects] == [1, 2, 3]
    assert len({written.step_id for written in evidence.effects}) == 1


def test_steps_fail_as_often_as_the_rate_says_but_not_for_ever() -> None:
    result, evidence = ran(often_shaken, Rates(fail=1.0))
    assert bytes(result) == b"true"
    assert [written.attempt for written in evidence.effects] == [*range(1, FAILING_ATTEMPTS + 2)]
    assert evidence.counts == {"fail": FAILING_ATTEMPTS}


def test_without_a_rate_none_fails() -> None:
    _, evidence = ran(often_shaken)
    assert len(evidence.effects) == 1


def test_lingering_is_short_or_now_and_then_long() -> None:
    result, _ = ran(lingered)
    took = [float(ms) for ms in bytes(result).decode().strip("[]").split(",")]
    assert all(1 <= ms <= 200 or 400 <= ms <= 1500 for ms in took)
    assert 1 <= sum(ms > 200 for ms in took) <= 25


def test_a_crash_is_the_end_of_the_process_and_another_one_goes_on() -> None:
    result, evidence = ran(survived)
    assert bytes(result) == b'"survived"'
    assert evidence.counts == {"kill": 1}
    first, second = evidence.effects
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.worker_id != second.worker_id
    [log] = evidence.logs.values()
    assert [row.type for row in log.rows if row.type in ("step_retrying", "step_failed")] == []


def test_chunks_are_written_down_as_they_are_written() -> None:
    _, evidence = ran(poured)
    [run_id] = evidence.logs
    told = [(one.stream, one.attempt, one.data is None, one.kept, one.drained) for one in evidence.written]
    assert told == [
        ("", 1, False, False, True),
        ("later", 1, False, True, False),
        ("", 1, False, False, False),
        ("", 2, False, False, True),
        ("later", 2, False, True, False),
        ("", 2, True, False, False),
    ]
    assert {(one.run_id, one.writer, one.epoch) for one in evidence.written} == {(run_id, run_id, 1)}
    there = {name: [chunk.data for chunk in page.chunks] for name, page in evidence.streams[run_id].items()}
    data = [one.data for one in evidence.written]
    assert there == {"": [data[0], data[2], data[3]], "later": [data[4]]}
    assert len({*data}) == 6, "no two are alike"


def test_only_steps_have_effects() -> None:
    with pytest.raises(AssertionError, match=r"^only steps have effects$"):
        begin()
    with pytest.raises(AssertionError, match=r"^only steps fail$"):
        shaken()
