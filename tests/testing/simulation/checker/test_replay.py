"""Rules of replay, each broken once: a log replays to its own end, and each part of it asks for what the log has next."""

import pytest
from msgspec import structs

from perdure import FatalError, Workflow, create_hook, patched, workflow
from perdure.model.event import (
    CancelRequested,
    HookCreated,
    PatchMarked,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRetried,
    StepStarted,
    WaitCompleted,
    WaitCreated,
    WakeRequested,
)
from perdure.model.failure import Failure
from perdure.testing.simulation.checker.replay import check_replay, diverges, fits
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.program import Program, Suite
from perdure.world import Row
from tests.core.logs import done, failed, raw
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    ELSEWHERE,
    END,
    LEFT,
    NAP,
    OTHER,
    RIGHT,
    SUITE,
    TRIP,
    TRIPPED,
    altered,
    both,
    detour,
    do,
    evidence_of,
    log_of,
    mailed,
    row,
    suite_of,
    told,
)

NO_CODE, OTHERWISE = "P3 no code fits the log", "P3 the replay ends otherwise"
ANOTHER_PART = "P3 a part of the log asks for something else"
CANCEL = CancelRequested(reason="enough")
LINE = f"{__file__.rpartition('/')[0]}/history.py:{TRIP.workflow.fn.__code__.co_firstlineno + 4}"


@workflow(name="checked:patched")
async def renewed(given: str) -> list[str]:
    return [await do(given), await do("new" if patched("way") else "old")]


@workflow(name="checked:hooked")
async def hooked(given: str) -> str:
    """Its second token is random, and goes to a step."""
    async with create_hook(str, token="t"):
        hook = create_hook(str)
        return await do(hook.token)


DO_LEFT, DO_RIGHT = (
    '0.1/step:checked:do#0: step checked:do({"what":"left"})',
    '0.2/step:checked:do#0: step checked:do({"what":"right"})',
)


def found(*rows: Row, suite: Suite = SUITE, prefixes: bool = False) -> list[tuple[str, str]]:
    log = log_of(*rows)
    return told(check_replay(evidence_of(log, suite=suite), RunLog(log), prefixes=prefixes))


# -- the whole log


@pytest.mark.parametrize("length", range(1, len(TRIPPED) + 1))
def test_a_healthy_log_at_every_length(length: int) -> None:
    assert found(*TRIPPED[:length], prefixes=True) == []


def test_a_log_that_the_code_has_not_written() -> None:
    assert found(*ELSEWHERE) == [
        (
            NO_CODE,
            'the code doesn\'t fit the log in turn 2: recorded is step checked:do({"what":"other end"}), attempted at '
            f'{LINE} is step checked:do({{"what":"end"}}); deploy the code that wrote the log (deployment d0), '
            "or guard the change with patched()",
        )
    ]


def test_one_code_of_several_is_enough() -> None:
    later = suite_of(versions={1: detour})
    ends = altered(ELSEWHERE, 8, payload=TRIPPED[7].payload.replace(b"end", b"other end"))
    whole = altered(ends, 9, payload=TRIPPED[8].payload.replace(b"end", b"other end"))
    assert found(*whole, suite=later, prefixes=True) == []
    assert found(*TRIPPED, suite=later, prefixes=True) == []
    assert [rule for rule, _ in found(*whole)] == [NO_CODE]


def test_a_run_that_never_began_has_nothing_to_replay() -> None:
    assert found(TRIPPED[0], mailed(1, CANCEL, "mail_1"), row(1, "", RunCancelled())) == []


def test_fits_and_diverges() -> None:
    log = RunLog(log_of(*ELSEWHERE))
    assert not fits(TRIP.definition(0), log)
    assert fits(detour.definition, log)
    assert not diverges(TRIP.definition(0), log, 6)
    assert diverges(TRIP.definition(0), log, 7)


# -- the end


def test_another_result() -> None:
    other = row(3, "", RunCompleted(result=raw('["did x","did end","more"]')))
    assert [rule for rule, _ in found(*TRIPPED[:-1], other)] == [OTHERWISE]


def test_an_end_that_the_body_has_not_reached() -> None:
    assert found(*TRIPPED[:5], row(1, "", RunCompleted(result=raw("1")))) == [
        (OTHERWISE, "recorded run_completed, attempted None"),
    ]


def test_an_error_is_its_type_and_its_message() -> None:
    kept = (*TRIPPED[:3], row(1, DO, failed()))
    boom, other = (Failure(type="builtins:ValueError", message=message) for message in ("boom", "bang"))
    assert found(*kept, row(1, "", RunFailed(error=boom))) == []
    assert [rule for rule, _ in found(*kept, row(1, "", RunFailed(error=other)))] == [OTHERWISE]
    typed = Failure(type=f"{FatalError.__module__}:FatalError", message="boom")
    assert [rule for rule, _ in found(*kept, row(1, "", RunFailed(error=typed)))] == [OTHERWISE]


def test_a_failure_where_the_body_completed() -> None:
    [(rule, detail)] = found(*TRIPPED[:-1], row(3, "", RunFailed(error=Failure(type="t:T", message=""))))
    assert rule == OTHERWISE
    assert detail.startswith("recorded run_failed, attempted RunCompleted(")


def test_a_cancelled_run_had_to_be_cancelled() -> None:
    end = row(2, "", RunCancelled())
    assert found(*TRIPPED[:5], mailed(2, CANCEL, "mail_1"), end) == []
    assert found(*TRIPPED[:5], end) == [(OTHERWISE, "recorded run_cancelled, attempted None")]


def test_a_failure_that_was_taken_back() -> None:
    kept = (*TRIPPED[:3], row(1, DO, failed()), row(1, "", RunFailed(error=Failure(type="t:T", message=""))))
    again = (row(1, "", RunRetried(failure_seq=4)), row(1, DO, StepStarted(attempt=2)))
    rest = (row(2, DO, done('"did x"', 2)), row(2, NAP, WaitCreated(due_ms=10_000)))
    assert found(*kept, *again, *rest, prefixes=True) == []


# -- force


@pytest.mark.parametrize(
    "rest",
    [
        (),
        (mailed(2, CANCEL, "mail_1"),),
        (mailed(2, WakeRequested(), "mail_1"), row(2, NAP, WaitCompleted(due_ms=6_000, woken=True))),
    ],
    ids=["at once", "with a cancel", "with a wake-up"],
)
def test_a_forced_end_and_its_mail_are_not_the_bodys(rest: tuple[Row, ...]) -> None:
    """The turn before it has no answer: its owner died, or was too slow."""
    unanswered = (*TRIPPED[:3], TRIPPED[3])
    assert found(*unanswered, *rest, row(2, "", RunCancelled(forced=True)), prefixes=True) == []


def test_a_turn_without_an_answer_is_an_error_otherwise() -> None:
    assert [rule for rule, _ in found(*TRIPPED[:4], mailed(2, CANCEL, "mail_1"), row(2, "", RunCancelled()))] == [
        NO_CODE
    ]


def test_what_stands_before_the_force_must_replay() -> None:
    assert [rule for rule, _ in found(*ELSEWHERE[:8], row(3, "", RunCancelled(forced=True)))] == [NO_CODE]


def test_a_parked_run_may_be_cancelled_without_its_body() -> None:
    parked = row(1, "", RunBlocked(sentence="it doesn't fit"))
    assert found(*TRIPPED[:4], parked, mailed(2, CANCEL, "mail_1"), row(2, "", RunCancelled())) == []


# -- parts of the log


def parts(code: Workflow[..., object], *rows: Row, prefixes: bool = True) -> list[tuple[str, str]]:
    suite = Suite(programs=(Program(workflow=code),), children=(), steps=(do,))
    log = log_of(*BEGUN, *rows, workflow=code.definition.name)
    return told(check_replay(evidence_of(log, suite=suite), RunLog(log), prefixes=prefixes))


def test_an_answer_in_another_order() -> None:
    assert parts(both, LEFT, RIGHT) == []
    assert parts(both, RIGHT, LEFT) == [
        (ANOTHER_PART, f"turn 0: recorded {[DO_RIGHT, DO_LEFT]}, attempted {[DO_LEFT, DO_RIGHT]}"),
    ]


def test_parts_are_replayed_on_demand() -> None:
    assert parts(both, RIGHT, LEFT, prefixes=False) == []


def test_an_answer_that_hangs_on_what_is_not_recorded() -> None:
    """Whoever replays the whole log sees that there is a later turn, and takes the old way; the owner of then couldn't."""
    old_step, new_step = (f'{END}: step checked:do({{"what":"{way}"}})' for way in ("old", "new"))
    mark = row(1, "patch:way", PatchMarked(name="way", answer=False))
    old_way = row(1, END, called("checked:do", '{"what":"old"}'))
    assert parts(renewed, *TRIPPED[2:4], mark, old_way, TRIPPED[7]) == []
    assert parts(renewed, *TRIPPED[2:4], old_way, TRIPPED[7]) == [
        (ANOTHER_PART, f"turn 1: recorded {[old_step]}, attempted {[new_step]}"),
    ]


RANDOM = row(1, "0/hook#1", HookCreated(token="abc", random=True))
GIVEN = row(1, DO, called("checked:do", '{"what":"abc"}'))


def test_what_the_world_decided_is_a_turn() -> None:
    asked = row(0, "0/hook#0", HookCreated(token="t"))
    assert parts(hooked, asked) == []
    assert parts(hooked, asked, RANDOM, GIVEN) == [], "a random token is what it was"
    other = structs.replace(GIVEN, payload=GIVEN.payload.replace(b"abc", b"abd"))
    assert [rule for rule, _ in parts(hooked, asked, RANDOM, other)] == [NO_CODE]


def test_a_conflict_stands_for_its_request() -> None:
    taken = row(0, "0/hook#0", HookCreated(token="t"), type="hook_conflict", decided=OTHER)
    assert parts(hooked, taken) == []
    elsewhere = structs.replace(taken, payload=taken.payload.replace(b'"t"', b'"u"'))
    assert [rule for rule, _ in parts(hooked, elsewhere)] == [NO_CODE]
