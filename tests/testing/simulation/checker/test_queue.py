"""Rules of steps in queues, each broken once."""

from typing import Any

from msgspec import structs

from perdure.codec.fact import pack
from perdure.model.event import (
    Fact,
    QueuedStep,
    RequestsReleased,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRetried,
    RunStarted,
    StepQueued,
    StepRetrying,
    StepStarted,
    StepStopped,
)
from perdure.model.ids import letter_id, step_id
from perdure.testing.simulation.checker.queue import check_queues
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.step import check_steps
from perdure.testing.simulation.ledger import Effect
from perdure.testing.simulation.store import Watched
from perdure.world import Letter, Log, Row
from tests.core.logs import BOOM, done, failed, raw
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    ME,
    ONCE,
    OTHER,
    effect_of,
    evidence_of,
    log_of,
    mailed,
    row,
    told,
)

ASKED = called("checked:do", '{"what":"x"}')
SENT = row(0, DO, StepQueued(queue="gpu", run_id=OTHER, attempt=1, max_recoveries=5))
BACK = mailed(1, done(), letter_id(OTHER, "end"), DO)
HERE = (*BEGUN, row(0, DO, ASKED), SENT)
COMPLETED = row(1, "", RunCompleted(result=raw("1")))


def there(*facts: Fact, key: str = DO, at_most_once: bool = False, attempt: int = 1, **fields: Any) -> Log:
    """The log of the run as which the step was sent."""
    step = QueuedStep(name="checked:do", at_most_once=at_most_once, attempt=attempt, first_at_ms=0, max_recoveries=5)
    created = RunCreated(workflow="queue:gpu/checked:do", input=raw("{}"), parent_id=ME, parent_key=key, step=step)
    asked = called("checked:do", '{"what":"x"}', at_most_once=at_most_once)
    rows = [row(0, "", created), row(0, "", RunStarted()), row(0, key, asked)]
    rows += [row(1, key if fact.type.startswith("step") else "", fact) for fact in facts]
    return log_of(*rows, run_id=OTHER, workflow="queue:gpu/checked:do", parent_id=ME, **fields)


DONE = there(done(), RunCompleted(result=raw("1")))


def found(
    *rows: Row, to: Log | None = DONE, effects: tuple[Effect, ...] = (), stopped: bool = False, back_ms: int = 0
) -> list[str]:
    """The rules that these rows break, with this log of the run in the queue."""
    cancel = Letter(mail_id=letter_id(OTHER, "parent"), run_id=OTHER, kind="cancel_requested", key="", payload=b"{}")
    watched = Watched(accepted={OTHER: [cancel]} if stopped else {})
    log = log_of(*rows)
    logs = [log] if to is None else [log, to]
    evidence = evidence_of(*logs, watched=watched, effects=[*effects], back_ms=back_ms)
    return [rule for rule, _ in told(check_queues(evidence, RunLog(log)))]


def steps_of(log: Log, *effects: Effect) -> list[str]:
    return [violation.rule for violation in check_steps(evidence_of(log), RunLog(log), [*effects])]


def test_a_healthy_way() -> None:
    assert found(*HERE, BACK, COMPLETED) == []
    assert steps_of(log_of(*HERE, BACK, COMPLETED)) == []
    assert steps_of(DONE, effect_of(run_id=OTHER, step_id=step_id(ME, DO))) == []


def test_sent_nowhere() -> None:
    assert found(*HERE, BACK, to=None) == ["S8 a step was sent nowhere"]


def test_another_outcome() -> None:
    assert found(*HERE, structs.replace(BACK, payload=pack(done("2")))) == ["S8 another outcome than there"]
    another = mailed(1, failed(), letter_id(OTHER, "end"), DO)
    assert found(*HERE, another) == ["S8 another outcome than there"]


def test_an_outcome_that_nobody_had() -> None:
    assert found(*HERE, BACK, to=there()) == ["S8 an outcome that nobody had"]


def test_an_outcome_for_another_step() -> None:
    assert found(*HERE, structs.replace(BACK, key=ONCE)) == ["S8 an outcome for another step"]


def test_left_when_the_run_ends() -> None:
    assert found(*HERE, COMPLETED, to=there()) == ["S8 a step in a queue wasn't told to stop"]
    assert found(*HERE, COMPLETED, to=there(), stopped=True) == []


def test_left_when_nobody_waits() -> None:
    released = row(0, "", RequestsReleased(keys=(DO,), runs=(OTHER,)))
    assert found(*HERE, released, to=there()) == ["S8 a step in a queue wasn't told to stop"]
    assert found(*HERE, released, to=there(), stopped=True) == []
    other = row(0, "", RequestsReleased(keys=(ONCE,)))
    assert found(*HERE, other, BACK) == []


def test_what_has_ended_before_needs_no_word() -> None:
    ended = structs.replace(COMPLETED, at_ms=60_000)
    assert found(*HERE, ended) == []
    early = structs.replace(COMPLETED, at_ms=1)
    assert found(*HERE, early) == ["S8 a step in a queue wasn't told to stop"]
    assert found(*HERE, early, back_ms=60_000) == [], "the clock was set back in between, perhaps"


def test_begun_twice() -> None:
    once = row(0, ONCE, called("checked:once", "{}", at_most_once=True))
    sent = structs.replace(SENT, key=ONCE)
    first = effect_of(ONCE, run_id=OTHER, step_id=step_id(ME, ONCE))
    again = effect_of(ONCE, 2, run_id=OTHER, step_id=step_id(ME, ONCE))
    rows = (*BEGUN, once, sent)
    assert found(*rows, to=there(key=ONCE, at_most_once=True), effects=(first,)) == []
    assert found(*rows, to=there(key=ONCE, at_most_once=True), effects=(first, first)) == ["S3 an at-most-once body"]
    assert found(*rows, to=there(key=ONCE, at_most_once=True), effects=(first, again)) == ["S3 an at-most-once body"]
    retried = there(StepRetrying(attempt=1, error=BOOM, retry_at_ms=1), key=ONCE, at_most_once=True)
    assert found(*rows, to=retried, effects=(first, again)) == []


# -- attempts, in the parent's log


def attempts(*facts: Fact) -> list[str]:
    return steps_of(
        log_of(*BEGUN, row(0, DO, ASKED), *(row(0, DO if "step" in fact.type else "", fact) for fact in facts))
    )


def queued(attempt: int) -> StepQueued:
    return StepQueued(queue="gpu", run_id=OTHER, attempt=attempt, max_recoveries=5)


def test_attempts_go_on() -> None:
    assert attempts(queued(1)) == []
    assert attempts(queued(2)) == [], "its start here was recorded with the call"
    assert attempts(queued(4)) == ["P2 attempts out of order"]
    word = StepStopped(attempt=3)
    other = (row(0, ONCE, called("checked:do")), row(1, ONCE, failed()))
    again = (
        row(1, "", RunFailed(error=BOOM)),
        row(1, "", RunRetried(failure_seq=6)),
        row(1, DO, word),
        row(1, DO, queued(4)),
    )
    assert steps_of(log_of(*HERE, *other, *again)) == []


def test_sent_again_too_soon() -> None:
    assert attempts(queued(1), queued(2)) == ["S8 sent anew before the last word came"]


def test_begun_here() -> None:
    assert attempts(queued(1), StepStarted(attempt=2)) == ["S8 begun here while it is in a queue"]


def test_attempts_there_have_numbers_that_go_on() -> None:
    assert steps_of(there(done(attempt=3), RunCompleted(result=raw("1")), attempt=3)) == []
    assert steps_of(there(done(attempt=1), attempt=3)) == ["P2 an outcome of another attempt"]
    assert steps_of(there(StepStarted(attempt=3), at_most_once=True, attempt=3)) == []
