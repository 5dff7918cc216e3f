"""What the simulator finds, how it says it, and that it says nothing of workflows that are right."""

import asyncio
import threading
from itertools import count
from typing import Any

import pytest

from perdure import UsageError, get_step_metadata, sleep, start, step, workflow
from perdure.engine.registry import REGISTRY, Registry
from perdure.errors import ArgumentsInvalid
from perdure.model.queue import DEFAULT
from perdure.testing import Broken, Effects, Outcome, simulate, survives
from perdure.testing.survival import rehearsal
from tests.testing.kit.refunds import Approval, collect, family, limited, nap, refund, refund_payment, shout
from tests.testing.survival.bugs import BUGS, Bug, as_they_come, charge, no_key, without_key


@pytest.fixture(autouse=True)
def no_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a seed comes to depends on the queues that a process knows: those of other tests are nothing to these."""
    alone = Registry()
    for definition in (*REGISTRY.workflows(), *REGISTRY.steps()):
        if getattr(definition, "queue", DEFAULT) == DEFAULT:
            alone.add(definition)
    monkeypatch.setattr(rehearsal, "REGISTRY", alone)


def keyed(effects: Effects) -> dict[Any, Any]:
    def pay(order: str, cents: int = 100) -> str:
        effects.note("paid", key=get_step_metadata().step_id)
        return f"re-{order}"

    return {refund_payment: pay}


APPROVED = {"lab-approval:*": Approval(True)}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_known_kind_of_bug_is_found_and_can_be_had_again(bug: Bug) -> None:
    with pytest.raises(Broken) as broken:
        simulate(bug.workflow, steps=bug.steps, payloads=bug.payloads, seeds=20)
    error = broken.value
    assert (error.expected, error.found[: len(bug.found)]) == (bug.expected, bug.found)
    assert error.faults == ((bug.fault,) if bug.fault else ()), "the shortest program of them"
    assert str(error).endswith(f"\nThe same again: simulate(…, only={error.case!r})")
    with pytest.raises(Broken) as again:
        simulate(bug.workflow, steps=bug.steps, payloads=bug.payloads, only=error.case)
    assert (again.value.found, again.value.faults) == (error.found, error.faults)


@pytest.mark.parametrize(
    "bug", [bug for bug in BUGS.values() if bug.storms], ids=lambda bug: bug.workflow.definition.name
)
def test_a_storm_finds_it_too_and_its_faults_are_shortened(bug: Bug) -> None:
    with pytest.raises(Broken) as broken:
        for seed in range(1, bug.storms):
            simulate(bug.workflow, steps=bug.steps, payloads=bug.payloads, only=f"seed:{seed}")
    assert broken.value.case.startswith("seed:")
    assert len(broken.value.faults) <= 1, "none, where the order of things is enough"
    with pytest.raises(Broken) as again:
        simulate(bug.workflow, steps=bug.steps, payloads=bug.payloads, only=broken.value.case)
    assert str(again.value) == str(broken.value)


@workflow(name="survival:never_replays")
async def never_replays() -> None:
    number = next(NUMBERS)  # perdure: ignore[global-state]
    await (sleep("1h") if number % 2 else sleep("2h"))


NUMBERS = count()


@workflow(name="survival:long")
async def long(turned: bool) -> str:
    return "x" * 1000 + await (swapped() if turned else connected())


@step(name="survival:swapped")
async def swapped() -> str:
    return f"{get_step_metadata().attempt}"


@step(name="survival:connected")
async def connected() -> str:
    return "1"


def test_a_run_that_is_blocked_is_no_end_whatever_it_is_compared_with() -> None:
    with pytest.raises(Broken, match="expected an end, found that it is blocked") as broken:
        simulate(never_replays, seeds=0)
    assert broken.value.case == "unharmed"


def test_a_long_result_is_compared_whole() -> None:
    with pytest.raises(Broken, match=r"x… \(digest [0-9a-f]{16}\), found the result"):
        simulate(long, True, seeds=0)
    assert simulate(long, False, seeds=3).outcome.ran


def test_a_refund_survives_everything() -> None:
    survived = simulate(refund, "o-1", steps=keyed, payloads=APPROVED, seeds=30)
    assert survived.outcome.effects == {"paid": 1}
    assert survived.crashes >= 12 and survived.simulations == survived.crashes + 32
    assert survived.ran_twice["lab:refund_payment"] == 2
    assert str(survived).startswith(f"{survived.simulations} simulations, {survived.crashes} of them with a crash at")


@pytest.mark.parametrize(
    ("given", "end"),
    [
        ((nap, "30d"), '"woken"'),
        ((limited,), "given up on"),
        ((family, "o"), '["re-o-0","re-o-1"]'),
        ((shout, "hey"), '"HEY"'),
        ((collect, 2), '["a","b"]'),
    ],
    ids=["a long sleep", "a timeout", "children", "a sync step", "a hook in a loop"],
)
def test_others_that_are_right_survive(given: tuple[Any, ...], end: str) -> None:
    steps = {refund_payment: lambda order: f"re-{order}"}
    survived = simulate(*given, payloads={"lab-collect": ["a", "b"]}, steps=steps, seeds=15)
    assert end in survived.outcome.end


@survives(steps=keyed, payloads=APPROVED, seeds=3, crashes=3)
def test_as_a_decorator() -> tuple[Any, ...]:
    return refund, "o-1"


def test_a_decorated_test_fails_with_what_is_found() -> None:
    @survives(steps=without_key, seeds=0)
    def test() -> Any:
        return no_key

    with pytest.raises(Broken, match="charged 2 times"):
        test()


def test_a_check_of_ones_own() -> None:
    seen: list[Outcome] = []
    survived = simulate(as_they_come, check=seen.append, seeds=10)
    assert len(seen) == survived.simulations

    def once(outcome: Outcome) -> None:
        assert outcome.effects["charged"] == 1, "it was charged twice"

    with pytest.raises(Broken, match="it was charged twice"):
        simulate(no_key, steps=without_key, check=once)


async def _in_a_loop() -> str:
    return simulate(shout, "hey", seeds=1, crashes=None).outcome.end


def test_inside_of_a_running_loop() -> None:
    before = threading.active_count()
    assert asyncio.run(_in_a_loop()) == 'the result "HEY"'
    assert threading.active_count() <= before + 1


@workflow(name="survival:online")
async def online() -> None:
    await connect()


@step(name="survival:connect")
async def connect() -> None:
    await asyncio.open_connection("localhost", 1)


@workflow(name="survival:delayed")
async def delayed() -> int:
    await sleep("1h")
    return await (await start(nap, "1d")).result() == "woken"


def test_what_needs_a_service_says_what_to_do() -> None:
    end = simulate(online, seeds=0, crashes=None).outcome.end
    assert "asked the event loop for what a simulation doesn't have" in end
    assert "give simulate(…, steps={connect: a function in its place})" in end


def test_who_waits_for_a_child_that_sleeps() -> None:
    assert simulate(delayed, seeds=5, crashes=4).outcome.end == "the result true"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"only": "seed:x"}, "only='seed:x' is no case: give one that a Broken has named"),
        ({"only": "crash:1:beside"}, "is no case"),
        ({"crashes": "some"}, "crashes='some': give 'every', a number n for every n-th, or None"),
        ({"crashes": 0}, "crashes=0: give 'every'"),
        ({"steps": {"charge": print}}, "give functions that @step decorates"),
        ({"steps": {charge: 7}}, "step bugs:charge can't be replaced by 7"),
    ],
)
def test_bad_input(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        simulate(no_key, **options)
    assert sentence in str(refused.value)


def test_no_workflow_and_arguments_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match="is no workflow"):
        simulate(charge)  # type: ignore[arg-type]
    with pytest.raises(ArgumentsInvalid):
        simulate(nap)
    assert simulate(nap, "1s", only="unharmed").simulations == 2
