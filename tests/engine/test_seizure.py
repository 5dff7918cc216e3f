"""A log in, the append that takes the run over out (O7); and what makes a run go on (S6)."""

import pytest
from msgspec.structs import replace

from perdure.core.transitions import TRANSITIONS
from perdure.engine.letter import cancel_letter, wake_letter
from perdure.engine.seizure import repin_facts, retry_facts, seizure
from perdure.errors import UsageError
from perdure.model.event import (
    AnyFact,
    AttributesSet,
    ChildCreated,
    Event,
    Fact,
    HookDisposed,
    RequestsReleased,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRepinned,
    RunRetried,
    RunUnblocked,
    StepRetrying,
    StreamEpilogue,
)
from perdure.model.ids import MailId, RunId
from perdure.model.status import Status
from perdure.world import Append, HookReopening, Letter, Log, NewChunks, RunRecord
from tests.core.hooks import got, hook
from tests.core.logs import BOOM, done, failed, log, raw, sleep, step

ME = RunId("wrun_1")
A, B = "0/step:app:charge#0", "0/step:app:ship#0"


def kept(events: list[Event], status: Status) -> Log:
    """A log's face; seizures read rows as events."""
    run = RunRecord(
        run_id=ME, workflow="app:fulfil", status=status, owner=None, epoch=4, length=len(events), mail=0,
        wake_at_ms=None, idempotency_key=None, parent_id=None, root_id=None, attributes={}, deployment="d", recoveries=2,
        created_at_ms=0, started_at_ms=None, ended_at_ms=None,
    )  # fmt: skip
    return Log(run=run, rows=())


def seized(events: list[Event], *facts: Fact, status: Status = "running", letters: tuple[Letter, ...] = ()) -> Append:
    return seizure(kept(events, status), events, list(facts), letters)


def cancel(number: int) -> Letter:
    return cancel_letter(MailId(f"mail_{number}"), ME, "stop", None)


def test_it_names_epoch_and_place_and_no_owner() -> None:
    append = seized(log((0, A, step())), RunCancelled(forced=True))
    assert (append.run_id, append.owner, append.epoch, append.seq, append.seize) == (ME, "", 4, 4, True)
    assert append.status == "cancelled"
    assert [(row.turn, row.type) for row in append.rows] == [(0, "run_cancelled")]


def test_an_end_takes_the_mail_with_it() -> None:
    """M2; a wake-up ends no sleep any more."""
    events = log((0, "0/sleep#0", sleep()), (1, A, step()))
    letters = (cancel(1), wake_letter(MailId("mail_2"), ME))
    append = seized(events, RunCancelled(forced=True), letters=letters)
    assert [(row.turn, row.type, row.mail_id) for row in append.rows] == [
        (2, "cancel_requested", "mail_1"),
        (2, "wake_requested", "mail_2"),
        (1, "run_cancelled", None),
    ]
    assert list(append.mail_taken) == ["mail_1", "mail_2"]


def test_an_end_has_the_last_words_in_the_runs_streams() -> None:
    said = (0, "0/epilogue#0", StreamEpilogue(stream="log", cancelled=(raw("1"), raw("2")), failed=(raw("3"),)))
    run = kept(log(said), "running")
    append = seizure(replace(run, run=replace(run.run, writes=5)), log(said), [RunCancelled(forced=True)], ())
    assert append.chunks == (NewChunks(run_id=ME, stream="log", data=(b"1", b"2")),)
    assert append.writes == 5
    blocked = (0, "", RunBlocked(sentence="s"))
    assert seized(log(said, blocked), RunUnblocked(), status="blocked").chunks == ()


def test_what_is_no_end_leaves_the_mail() -> None:
    append = seized(log((0, "", RunBlocked(sentence="s"))), RunUnblocked(), status="blocked", letters=(cancel(1),))
    assert [row.type for row in append.rows] == ["run_unblocked"]
    assert list(append.mail_taken) == []
    assert append.status == "running"


@pytest.mark.parametrize(
    ("kind", "payload"), [("cancel_requested", b"{"), ("hook_received", b"{}"), ("wake_requested", b"")]
)
def test_a_letter_that_cannot_be_read_does_not_keep_a_run_from_its_end(kind: str, payload: bytes) -> None:
    odd = Letter(mail_id=MailId("mail_9"), run_id=ME, kind=kind, key="", payload=payload)
    append = seized(log(), RunCancelled(), status="running", letters=(odd, cancel(1)))
    assert [row.mail_id for row in append.rows] == ["mail_1", None]
    assert sorted(append.mail_taken) == ["mail_1", "mail_9"]


def test_a_cancel_goes_on_to_open_children() -> None:
    child = ChildCreated(run_id=RunId("wrun_2"), workflow="w", input=raw("{}"))
    [letter] = seized(log((0, "0/child:w#0", child)), RunCancelled()).letters
    assert (letter.run_id, letter.kind) == ("wrun_2", "cancel_requested")


def test_a_taken_over_run_starts_its_count_of_deaths_anew() -> None:
    assert seized(log((0, "", RunBlocked(sentence="s"))), RunUnblocked(), status="blocked").turn_completed


class TestHooks:
    """S6: what a failed run had open is open again, so that its retry can go on waiting."""

    LINES = (
        (0, "0/hook#0", hook("open")),
        (0, "0/hook#1", hook("given back")),
        (0, A, step()),
        (1, "0/hook#0", got()),
        (1, "0/hook#1", HookDisposed()),
        (2, A, failed()),
        (2, "", RunFailed(error=BOOM)),
    )

    def test_a_retry_opens_them_again(self) -> None:
        append = seized(log(*self.LINES), RunRetried(failure_seq=8), status="failed")
        assert append.hooks == (HookReopening(key="0/hook#0"),)

    def test_what_its_end_gave_back_too(self) -> None:
        """Leaving the block is what the body did about the failure that is taken back."""
        lines = (0, "0/hook#0", hook()), (0, A, step()), (1, A, failed()), (1, "0/hook#0", HookDisposed())
        events = log(*lines, (1, "", RunFailed(error=BOOM)))
        append = seized(events, RunRetried(failure_seq=5), status="failed")
        assert append.hooks == (HookReopening(key="0/hook#0"),)

    def test_a_blocked_run_has_kept_them(self) -> None:
        events = log((0, "0/hook#0", hook()), (0, "", RunBlocked(sentence="s")))
        assert seized(events, RunUnblocked(), status="blocked").hooks == ()

    def test_an_end_needs_none(self) -> None:
        """The World closes them with the run."""
        assert seized(log((0, "0/hook#0", hook())), RunCancelled(forced=True)).hooks == ()


class TestRetry:
    """What `retry` appends, or why it doesn't."""

    @staticmethod
    def facts(status: Status, *lines: tuple[int, str, AnyFact]) -> list[Fact]:
        events = log(*lines)
        return retry_facts(kept(events, status), events)

    def test_a_blocked_run_tries_again(self) -> None:
        assert self.facts("blocked", (0, "", RunBlocked(sentence="s"))) == [RunUnblocked()]

    def test_a_failed_run_skips_the_failure(self) -> None:
        lines = (0, A, step()), (1, A, failed()), (1, "", RunFailed(error=BOOM))
        assert self.facts("failed", *lines) == [RunRetried(failure_seq=4)]

    def test_a_late_failure_of_what_nobody_waited_for_stays(self) -> None:
        """From a queue: an at-most-once step isn't repeated for its neighbour. Unless it is what failed the run then."""
        lines = (0, A, step()), (0, B, step("app:ship")), (1, A, failed()), (1, "", RequestsReleased(keys=(B,)))
        more = (2, B, failed()), (2, "", RunFailed(error=BOOM))
        assert self.facts("failed", *lines, *more) == [RunRetried(failure_seq=5)]
        again = (2, "", RunRetried(failure_seq=5)), (2, "", RunFailed(error=BOOM))
        assert self.facts("failed", *lines, *more, *again) == [RunRetried(failure_seq=7)]

    def test_the_late_failure_of_a_races_loser_is_no_reason(self) -> None:
        lines = (0, A, step()), (1, "", RequestsReleased(keys=(A,))), (2, A, failed()), (2, "", RunFailed(error=BOOM))
        with pytest.raises(UsageError, match="failed by itself"):
            self.facts("failed", *lines)

    def test_failures_of_one_turn_are_skipped_together(self) -> None:
        lines = (0, A, step()), (0, B, step("app:ship")), (1, A, failed()), (1, B, failed())
        assert self.facts("failed", *lines, (1, "", RunFailed(error=BOOM))) == [
            RunRetried(failure_seq=5),
            RunRetried(failure_seq=6),
        ]

    def test_a_failure_that_was_acted_on_stays(self) -> None:
        lines = (0, A, step()), (1, A, failed()), (1, B, step("app:ship")), (2, B, failed())
        assert self.facts("failed", *lines, (2, "", RunFailed(error=BOOM))) == [RunRetried(failure_seq=6)]

    def test_one_that_was_skipped_before_is_not_skipped_again(self) -> None:
        lines = (0, A, step()), (1, A, failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=4))
        assert self.facts("failed", *lines, (2, A, failed(2)), (2, "", RunFailed(error=BOOM))) == [
            RunRetried(failure_seq=7)
        ]

    def test_what_a_step_sets_is_no_request(self) -> None:
        told = AttributesSet(changes={"a": "b"}, by_step=True)
        lines = (0, A, step()), (1, A, failed()), (1, A, told), (1, "", RunFailed(error=BOOM))
        assert self.facts("failed", *lines) == [RunRetried(failure_seq=4)]

    @pytest.mark.parametrize(
        "lines",
        [
            [(0, "", RunFailed(error=BOOM))],
            [(0, A, step()), (1, A, done()), (1, "", RunFailed(error=BOOM))],
            [
                (0, A, step()),
                (1, A, failed()),
                (1, B, step("app:ship")),
                (2, B, done()),
                (2, "", RunFailed(error=BOOM)),
            ],
            [
                (0, A, step()),
                (0, A, StepRetrying(attempt=1, error=BOOM, retry_at_ms=1)),
                (0, "", RunFailed(error=BOOM)),
            ],
        ],
    )
    def test_without_such_a_failure_there_is_nothing_to_go_on_from(self, lines: list[tuple[int, str, AnyFact]]) -> None:
        with pytest.raises(UsageError) as caught:
            self.facts("failed", *lines)
        assert str(caught.value) == (
            "run wrun_1 failed by itself, or has acted on a step's failure since: "
            "there is no step to go on from; use rerun"
        )

    @pytest.mark.parametrize("status", sorted(TRANSITIONS.keys() - {"failed", "blocked"}))
    def test_only_failed_and_blocked_runs(self, status: Status) -> None:
        with pytest.raises(UsageError) as caught:
            self.facts(status, (0, "", RunCompleted(result=raw("1"))))
        assert str(caught.value) == f"run wrun_1 is {status}: only a failed or blocked run can be retried; use rerun"

    def test_a_parent_that_was_told_cannot_be_told_otherwise(self) -> None:
        events = log((0, A, step()), (1, A, failed()), (1, "", RunFailed(error=BOOM)))
        created = RunCreated(workflow="w", input=raw("{}"), parent_id=RunId("wrun_0"), parent_key="0/child:w#0")
        events[0] = Event(seq=1, turn=0, epoch=1, key="", at_ms=0, fact=created)
        with pytest.raises(UsageError) as caught:
            retry_facts(kept(events, "failed"), events)
        assert str(caught.value) == ("run wrun_1 is a child and its parent was told of the failure: use rerun")


class TestRepin:
    """What moves a run to other workers."""

    def test_it_is_told_and_done(self) -> None:
        append = seized(log((0, A, step())), RunRepinned(pin="v2"))
        assert [row.type for row in append.rows] == ["run_repinned"]
        assert (append.seize, append.pin, append.status, append.wake_at_ms) == (True, "v2", "running", None)

    def test_a_blocked_run_stays_blocked(self) -> None:
        append = seized(log((0, "", RunBlocked(sentence="s"))), RunRepinned(pin="v2"), status="blocked")
        assert (append.pin, append.status) == ("v2", "blocked")

    def test_a_delayed_start_keeps_its_time(self) -> None:
        created, *_ = log()
        late = replace(created, fact=RunCreated(workflow="app:fulfil", input=raw("{}"), due_ms=7_000))
        append = seized([late], RunRepinned(pin="v2"), status="pending")
        assert (append.status, append.wake_at_ms) == ("pending", 7_000)

    def test_it_is_theirs_already(self) -> None:
        found = kept(log(), "running")
        pinned = Log(run=replace(found.run, pin="v2"), rows=())
        assert repin_facts(pinned, "v2") is None
        assert repin_facts(pinned, "") == [RunRepinned()]
        assert repin_facts(found, "v2") == [RunRepinned(pin="v2")]

    def test_who_did_it(self) -> None:
        blocked = log((0, "", RunBlocked(sentence="s")))
        assert retry_facts(kept(blocked, "blocked"), blocked, "ann") == [RunUnblocked(by="ann")]
        failures = log((0, A, step()), (1, A, failed()), (1, "", RunFailed(error=BOOM)))
        assert retry_facts(kept(failures, "failed"), failures, "ann") == [RunRetried(failure_seq=4, by="ann")]
        assert repin_facts(kept(log(), "running"), "v2", "ann") == [RunRepinned(pin="v2", by="ann")]

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    def test_a_run_that_has_ended(self, status: Status) -> None:
        with pytest.raises(UsageError) as caught:
            repin_facts(kept(log(), status), "v2")
        assert str(caught.value) == f"run {ME} is {status}: no worker will claim it any more; use rerun"
