"""A set of prepared changes: which the gate finds, where, and which it lets pass."""

from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from perdure import start
from perdure.codec.keyring import KeyRing
from perdure.engine.log import read_log
from perdure.engine.registry import Registry
from perdure.model.ids import RunId
from perdure.replay.trial import outside_of_tasks
from perdure.testing import lab
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
        (orders.shorter, 7, "sleep", "the end of the workflow", "removed"),
        (orders.ending, 5, "step gate:charge", "the end of the workflow", "removed"),
        (orders.failing, 5, "step gate:charge", "the failure builtins:ValueError", "fails"),
        (
            orders.other_parameters,
            1,
            "input",
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


async def test_a_timeout_of_the_workflow_s_own_is_told_as_such(recorded: Recorded) -> None:
    verdict = await judged(await recorded("waiting"), today(orders.same, timeout="9d"))
    assert (verdict.kind, verdict.event, verdict.change) == ("diverges", 3, "limit")


async def test_of_a_sealed_run_values_are_told_apart_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEYS", f"a:{bytes(32).hex()}")
    async with lab() as sealing:
        run = await start(orders.fulfil, "o-secret")
        await sealing.wait_for_sleep(run)
        log = await read_log(sealing.bench.world, RunId(run.run_id))
    for code, change in ((orders.argument, "arguments"), (orders.parallel, "place"), (orders.failing, "fails")):
        judge = Judge(today(code), KeyRing({"a": bytes(32)}))
        verdict = await outside_of_tasks(lambda judge=judge: judge.judge(log, "a.jsonl"))
        assert verdict.divergence is not None and verdict.change == change
        assert "digest " in verdict.divergence.recorded
        assert "o-secret" not in verdict.divergence.sentence()


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
        ("attributes {'risk': 'low'}", "attributes"),
        ('input {"order":"o-1"}', "input"),
        ("hook shop-approve:o-1", "hook shop-approve"),
        ('hook a:b:c({"who":"ann"}) until 7 ms', "hook a"),
        ("hook digest 0a1b", "hook"),
        ("input digest 0a1b", "input"),
        ("the failure app:Refused: o-1 is refused", "the failure app:Refused"),
    ],
)
def test_a_request_without_its_values(described: str, told: str) -> None:
    assert what(described) == told
