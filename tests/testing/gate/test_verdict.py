"""A set of prepared changes: which the gate finds, where, and which it lets pass."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from perdure.engine.registry import Registry
from perdure.replay.trial import outside_of_tasks
from perdure.testing.gate.verdict import Judge, Verdict, what
from perdure.world import Log
from tests.testing.gate import orders
from tests.testing.gate.orders import Code, charge, today

pytestmark = pytest.mark.anyio
MISFIT = "the arguments don't fit gate:fulfil: missing a required argument: 'customer'"
Recorded = Callable[[str], Awaitable[Log]]


async def judged(log: Log, registry: Registry, deployment: str = "") -> Verdict:
    return await outside_of_tasks(lambda: Judge(registry, None, deployment).judge(log, "a.jsonl"))


@pytest.mark.parametrize("stage", ["waiting", "ended"])
@pytest.mark.parametrize(
    ("code", "event", "recorded_is", "attempted_is", "change"),
    [
        (orders.renamed, 5, "step gate:charge", "step gate:take_money", "renamed"),
        (orders.reordered, 3, "step gate:screen", "step gate:charge", "removed"),
        (orders.removed, 3, "step gate:screen", "step gate:charge", "removed"),
        (orders.added, 5, "step gate:charge", "step gate:notify", "added"),
        (orders.argument, 5, "step gate:charge", "step gate:charge", "arguments"),
        (orders.longer, 7, "sleep", "sleep", "arguments"),
        (orders.parallel, 3, "step gate:screen", "step gate:screen", "place"),
        (orders.shorter, 7, "sleep", "nothing", "removed"),
        (
            orders.other_parameters,
            1,
            'input {"order":"o-1"}',
            MISFIT,
            "parameters",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_breaks_runs_is_found_where_it_does(
    recorded: Recorded, stage: str, code: Code, event: int, recorded_is: str, attempted_is: str, change: str
) -> None:
    gone = (charge,) if code is orders.renamed else ()
    verdict = await judged(await recorded(stage), today(code, *gone))
    assert verdict.kind == "diverges" and verdict.divergence is not None
    assert (verdict.event, what(verdict.divergence.recorded)) == (event, recorded_is)
    assert verdict.change == change
    assert what(verdict.divergence.attempted) == attempted_is
    if "step" in attempted_is and change != "place":
        assert verdict.divergence.line is not None and verdict.divergence.line.startswith(orders.__file__)


async def test_a_changed_branch_breaks_only_those_that_have_passed_it(recorded: Recorded) -> None:
    assert (await judged(await recorded("waiting"), today(orders.branch))).kind == "fits"
    verdict = await judged(await recorded("ended"), today(orders.branch))
    assert verdict.divergence is not None
    assert (verdict.event, what(verdict.divergence.attempted)) == (9, "step gate:refund")
    added = await judged(await recorded("ended"), today(orders.added_behind_the_wait))
    assert (added.kind, added.event) == ("diverges", 9)


@pytest.mark.parametrize("stage", ["waiting", "ended"])
@pytest.mark.parametrize(
    "code",
    [orders.fulfil.fn, orders.same, orders.one_more_parameter, orders.added_at_the_end, orders.guarded],
    ids=lambda value: value.__name__,
)
async def test_what_breaks_none_passes(recorded: Recorded, stage: str, code: Code) -> None:
    assert (await judged(await recorded(stage), today(code))).kind == "fits"


async def test_what_lies_behind_a_wait_may_be_added(recorded: Recorded) -> None:
    assert (await judged(await recorded("waiting"), today(orders.added_behind_the_wait))).kind == "fits"


async def test_what_is_not_known(recorded: Recorded) -> None:
    log = await recorded("waiting")
    verdict = await judged(log, Registry())
    assert (verdict.kind, verdict.reason) == ("unknown", "today's code has no such workflow")
    damaged = replace(log, rows=(*log.rows[:-1], replace(log.rows[-1], type="run_levitated")))
    verdict = await judged(damaged, today(orders.same))
    assert verdict.kind == "unknown" and "a newer perdure wrote it" in verdict.reason


async def test_pinned_runs_never_get_the_code_of_others(recorded: Recorded) -> None:
    log = await recorded("waiting")
    pinned = replace(log, run=replace(log.run, pin="monday"))
    elsewhere = await judged(pinned, today(orders.added), "tuesday")
    assert (elsewhere.kind, elsewhere.reason) == ("fits", "pinned to monday: today's code never gets it")
    assert (await judged(pinned, today(orders.added), "monday")).kind == "diverges"


async def test_until_when_a_run_is_known_to_wait(recorded: Recorded) -> None:
    log = await recorded("waiting")
    verdict = await judged(log, today(orders.added))
    assert verdict.drained_ms == log.rows[-1].at_ms + 3_600_000
    shown = verdict.as_json()
    assert shown["subject"] == "a.jsonl" and shown["event"] == 5 and shown["change"] == "added"


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ('step app:charge({"order":"o (1)"})', "step app:charge"),
        ("child run app:pay([])", "child app:pay"),
        ("sleep until 1767225600000 ms", "sleep"),
        ("step app:charge(1) in turn 5", "step app:charge"),
        ("a write to the stream default (7)", "a write to the stream default"),
        ("nothing", "nothing"),
    ],
)
def test_a_request_without_its_values(described: str, told: str) -> None:
    assert what(described) == told
