"""What goes in, and the append that comes out: turns, their order, and what a refusal leaves."""

import pytest
from msgspec.structs import replace

from perdure.core.history import Decision
from perdure.core.pending import Pending
from perdure.engine.append import Births, Entry, Header, queued_birth
from perdure.engine.outbox import Admit, Outbox
from perdure.model.event import (
    CancelRequested,
    Fact,
    HookExpired,
    RequestsReleased,
    RunBlocked,
    RunCompleted,
    StepQueued,
    StepRetrying,
    WaitCompleted,
    WakeRequested,
)
from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world import Append, Appended
from tests.core.hooks import OTHER, got, hook
from tests.core.logs import BOOM, done, log, raw, sleep, step

ME, WORKER = RunId("wrun_1"), WorkerId("wrkr_1")
HEADER = Header(run_id=ME, root_id=ME, owner=WORKER, parent_id=None, parent_key=None, deployment="d")
END = RunCompleted(result=raw("1"))
A, B = "0/step:a#0", "0/step:b#0"
H, H2 = "0/hook#0", "0/hook#1"


def outbox() -> Outbox:
    """Of a run whose log has ten events, the last of turn 4."""
    return Outbox(HEADER, epoch=2, seq=11, status="running", turn=4)


def everything(entry: Entry) -> Entry | None:
    return entry


def only_mail(entry: Entry) -> Entry | None:
    return entry if entry.mail_id is not None else None


def take(box: Outbox, admit: Admit | None = everything, *, empty_too: bool = False) -> Append | None:
    return box.take(admit, Births(WORKER, frozenset()), Pending(), empty_too=empty_too)


def taken(box: Outbox, admit: Admit | None = everything) -> list[tuple[int, str]]:
    append = take(box, admit)
    return [] if append is None else [(row.turn, row.type) for row in append.rows]


def land(box: Outbox) -> list[Fact]:
    return [event.fact for event in box.landed(Appended(at_ms=7, mail=0))]


def arrive(box: Outbox, fact: Fact, key: str = A, mail: str | None = None) -> None:
    box.arrive(Entry(0, key, fact, None if mail is None else MailId(mail)))


def test_an_empty_one_gives_nothing() -> None:
    box = outbox()
    assert box.empty
    assert take(box) is None


def test_what_does_something_else_is_appended_without_an_event() -> None:
    """An owner that goes, or chunks of a step."""
    append = take(outbox(), empty_too=True)
    assert append is not None
    assert (list(append.rows), append.seq, append.epoch) == ([], 11, 2)


def test_a_step_for_a_queue_is_sent_though_nobody_waits_for_it_any_more() -> None:
    """Its start is made when it is sent. Then it is told to stop, in the same append."""
    box, pending = outbox(), Pending(log((0, A, step())))
    queued = StepQueued(queue="gpu", run_id=RunId("wrun_2"), attempt=1, max_recoveries=5)
    start = queued_birth(HEADER, pending.steps[A], queued)
    box.add(A, queued, start=start)
    released = RequestsReleased(keys=(A,), runs=(queued.run_id,))
    pending.see("", released, 0)
    box.add("", released)
    append = box.take(everything, Births(WORKER, frozenset()), pending, empty_too=False)
    assert append is not None
    assert append.children == (start,)
    assert [letter.run_id for letter in append.letters] == [queued.run_id]


class TestTurns:
    def test_what_is_added_belongs_to_the_present_turn(self) -> None:
        box = outbox()
        box.add(A, step())
        assert taken(box) == [(4, "step_created")]

    def test_what_arrives_is_the_next_turn(self) -> None:
        box = outbox()
        arrive(box, done())
        assert taken(box) == [(5, "step_completed")]
        assert box.turn == 5

    def test_all_that_has_arrived_is_one_turn(self) -> None:
        box = outbox()
        arrive(box, done(), A)
        arrive(box, done(), B)
        assert taken(box) == [(5, "step_completed"), (5, "step_completed")]

    def test_an_answer_is_ahead_of_the_next_turn(self) -> None:
        """T1, whichever came first."""
        box = outbox()
        arrive(box, done(), A)
        box.add(B, step())
        assert taken(box) == [(4, "step_created"), (5, "step_completed")]

    def test_a_flight_is_one_turn_and_the_next_begins_behind_it(self) -> None:
        box = outbox()
        arrive(box, done(), A)
        take(box)
        box.add("", StepRetrying(attempt=1, error=BOOM, retry_at_ms=1))
        assert land(box) == [done()]
        append = take(box)
        assert append is not None
        assert (append.seq, [(row.turn, row.type) for row in append.rows]) == (12, [(5, "step_retrying")])

    def test_without_a_body_arrivals_wait(self) -> None:
        box = outbox()
        arrive(box, done())
        assert taken(box, None) == []
        assert not box.empty
        assert taken(box) == [(5, "step_completed")]


class TestWhatIsStillWanted:
    def test_a_released_request_needs_no_outcome(self) -> None:
        box = outbox()
        arrive(box, done(), A)
        assert taken(box, lambda entry: entry if entry.key == B else None) == []
        assert (box.empty, box.turn) == (True, 4)

    def test_nor_does_one_where_something_else_is_appended(self) -> None:
        box = outbox()
        arrive(box, done(), A)
        append = take(box, only_mail, empty_too=True)
        assert append is not None
        assert (append.rows, append.turn_completed, box.turn) == ((), False, 4)

    def test_a_payload_is_recorded_as_it_was_admitted(self) -> None:
        box = outbox()
        arrive(box, got("1"), H, mail="mail_1")
        arrive(box, got("2"), H, mail="mail_2")
        misfit = got("2", rejected="no")
        append = take(box, lambda entry: entry if entry.fact == got("1") else replace(entry, fact=misfit))
        assert append is not None
        assert [row.payload for row in append.rows] == [b'{"payload":1}', b'{"payload":2,"rejected":"no"}']
        assert append.mail_taken == ("mail_1", "mail_2")
        assert land(box) == [got("1"), misfit]

    def test_mail_is_recorded_all_the_same(self) -> None:
        box = outbox()
        arrive(box, CancelRequested(), "", mail="mail_1")
        arrive(box, done(), A)
        assert taken(box, only_mail) == [(5, "cancel_requested")]

    def test_one_outcome_for_each_request(self) -> None:
        box = outbox()
        arrive(box, WakeRequested(), "", mail="mail_1")
        arrive(box, WaitCompleted(due_ms=9, woken=True), "0/sleep#0")
        arrive(box, WakeRequested(), "", mail="mail_2")
        arrive(box, WaitCompleted(due_ms=9), "0/sleep#0")
        assert taken(box) == [(5, "wake_requested"), (5, "wait_completed"), (5, "wake_requested")]

    def test_two_cancels_are_two_letters(self) -> None:
        box = outbox()
        arrive(box, CancelRequested(), "", mail="mail_1")
        arrive(box, CancelRequested(), "", mail="mail_2")
        assert len(taken(box)) == 2

    def test_two_payloads_are_two_deliveries(self) -> None:
        """P4."""
        box = outbox()
        arrive(box, got("1"), H, mail="mail_1")
        arrive(box, got("1"), H, mail="mail_2")
        assert taken(box) == [(5, "hook_received"), (5, "hook_received")]

    def test_what_was_accepted_before_a_hooks_end_stands_before_it(self) -> None:
        box = outbox()
        arrive(box, HookExpired(due_ms=9), H)
        arrive(box, got(), H, mail="mail_1")
        arrive(box, HookExpired(due_ms=9), H)
        append = take(box)
        assert append is not None
        assert [row.type for row in append.rows] == ["hook_received", "hook_expired"]
        assert (append.all_mail, append.due_ms) == (True, 9), "else there may be more, or it isn't over"

    def test_a_hook_may_end_in_the_turn_of_its_last_payload(self) -> None:
        box = outbox()
        arrive(box, got(), H, mail="mail_1")
        arrive(box, HookExpired(due_ms=9), H)
        assert taken(box) == [(5, "hook_received"), (5, "hook_expired")]


class TestEnds:
    def test_mail_that_came_before_is_recorded_before(self) -> None:
        """M2."""
        box = outbox()
        box.add("", END)
        assert box.ending
        arrive(box, CancelRequested(), "", mail="mail_1")
        assert taken(box) == [(5, "cancel_requested"), (4, "run_completed")]

    def test_even_where_there_is_no_body(self) -> None:
        box = outbox()
        box.add("", END)
        arrive(box, CancelRequested(), "", mail="mail_1")
        arrive(box, done(), A)
        assert taken(box, None) == [(5, "cancel_requested"), (4, "run_completed")]

    def test_outcomes_that_came_too_late_are_dropped(self) -> None:
        box = outbox()
        box.add("", END)
        arrive(box, done(), A)
        assert taken(box) == [(4, "run_completed")]

    def test_the_status_follows_once_it_has_landed(self) -> None:
        box = outbox()
        box.add("", END)
        take(box)
        assert box.status == "running"
        assert land(box) == [END]
        assert box.status == "completed"


class TestParking:
    def test_nothing_else_is_written(self) -> None:
        box = outbox()
        box.add(A, step())
        arrive(box, done(), B)
        arrive(box, CancelRequested(), "", mail="mail_1")
        box.park(RunBlocked(sentence="why"))
        assert box.parking
        assert taken(box) == [(4, "run_blocked")]

    def test_not_even_mail_that_comes_now(self) -> None:
        box = outbox()
        box.park(RunBlocked(sentence="why"))
        arrive(box, CancelRequested(), "", mail="mail_1")
        assert taken(box) == [(4, "run_blocked")]

    def test_an_end_that_was_meant_is_meant_no_more(self) -> None:
        box = outbox()
        box.add("", END)
        box.park(RunBlocked(sentence="why"))
        assert not box.ending


class TestLanding:
    def test_events_get_their_places_and_requests_are_left_out(self) -> None:
        box = outbox()
        box.add(A, step())
        arrive(box, done(), B)
        take(box)
        [event] = box.landed(Appended(at_ms=7, mail=0))
        assert (event.seq, event.turn, event.epoch, event.key, event.at_ms) == (12, 5, 2, B, 7)
        assert box.seq == 13
        assert box.empty

    def test_what_the_world_decided_is_told_with_the_hooks_turn(self) -> None:
        """T5."""
        box = outbox()
        box.add(A, step())
        box.add(H, hook("free"))
        box.add(H2, hook("taken"))
        take(box)
        outcome = Appended(at_ms=7, mail=0, conflicts={2: OTHER})
        assert box.decisions(outcome) == [Decision(4, H, 7), Decision(4, H2, 7, OTHER)]
        assert box.landed(outcome) == []
        assert box.decisions(outcome) == []

    def test_what_it_decided_may_be_a_turn_of_its_own(self) -> None:
        box = outbox()
        assert box.begin_turn() == 5
        box.add(A, step())
        arrive(box, done(), B)
        assert taken(box) == [(5, "step_created"), (6, "step_completed")]


class TestRefusals:
    def test_a_flight_goes_first_the_next_time(self) -> None:
        box = outbox()
        box.add(A, step())
        take(box)
        box.add(B, sleep())
        box.put_back()
        append = take(box)
        assert append is not None
        assert (append.seq, [(row.turn, row.key) for row in append.rows]) == (11, [(4, A), (4, B)])

    def test_deliveries_of_the_refused_and_what_has_arrived_since_are_one_turn(self) -> None:
        """Never a turn without its answer, behind which another begins (T1)."""
        box = outbox()
        box.add(A, step())
        arrive(box, done("1"), A)
        take(box)
        arrive(box, done("2"), B)
        box.put_back()
        append = take(box)
        assert append is not None
        assert [row.type for row in append.rows] == ["step_created", "step_completed", "step_completed"]
        assert [row.key for row in append.rows] == [A, A, B]
        [answered, first, second] = [row.turn for row in append.rows]
        assert answered < first == second

    def test_mail_keeps_its_order_though_not_all_of_it_is_for_the_body(self) -> None:
        """P4: also a wake-up, or the last word of a queued step that nobody waits for."""
        box = outbox()
        arrive(box, CancelRequested(), "", mail="mail_1")
        arrive(box, WakeRequested(), "", mail="mail_2")
        take(box)
        box.put_back()
        assert [kind for _, kind in taken(box)] == ["cancel_requested", "wake_requested"]

    def test_a_refused_end_lets_the_mail_in_before_it(self) -> None:
        box = outbox()
        box.add("", END)
        take(box)
        box.put_back()
        arrive(box, CancelRequested(), "", mail="mail_1")
        assert [kind for _, kind in taken(box)] == ["cancel_requested", "run_completed"]

    def test_a_wait_that_is_early_falls_out_and_its_turn_is_not_begun(self) -> None:
        box = outbox()
        box.add(B, step())
        arrive(box, WaitCompleted(due_ms=100), "0/sleep#0")
        arrive(box, done(), A)
        take(box)
        box.put_back()
        assert box.drop_early(90) == {"0/sleep#0": 10}
        append = take(box)
        assert append is not None
        assert [row.type for row in append.rows] == ["step_created", "step_completed"]
        assert append.due_ms == 0

    def test_so_does_the_end_of_a_hook_and_what_it_received_stays(self) -> None:
        box = outbox()
        arrive(box, got(), H, mail="mail_1")
        arrive(box, HookExpired(due_ms=100), H)
        arrive(box, HookExpired(due_ms=90), H2)
        take(box)
        box.put_back()
        assert box.drop_early(90) == {H: 10}
        assert [kind for _, kind in taken(box)] == ["hook_received", "hook_expired"]

    @pytest.mark.parametrize("wait", [WaitCompleted(due_ms=100, woken=True), WaitCompleted(due_ms=90)])
    def test_a_wait_that_is_due_or_woken_stays(self, wait: WaitCompleted) -> None:
        box = outbox()
        arrive(box, wait, "0/sleep#0")
        take(box)
        box.put_back()
        assert box.drop_early(90) == {}
        assert not box.empty

    def test_a_wake_up_that_came_while_the_early_one_was_on_its_way_stays(self) -> None:
        """Else the sleep would go on, though the wake-up is in the log."""
        box = outbox()
        arrive(box, WaitCompleted(due_ms=100), "0/sleep#0")
        take(box)
        arrive(box, WakeRequested(), "", mail="mail_1")
        arrive(box, WaitCompleted(due_ms=100, woken=True), "0/sleep#0")
        box.put_back()
        assert box.drop_early(90) == {"0/sleep#0": 10}
        assert [kind for _, kind in taken(box)] == ["wake_requested", "wait_completed"]

    def test_an_outcome_that_came_meanwhile_is_not_recorded_twice(self) -> None:
        """A refused flight has the timer's completion; meanwhile somebody woke the sleep."""
        box = outbox()
        arrive(box, WaitCompleted(due_ms=9), "0/sleep#0")
        take(box)
        arrive(box, WakeRequested(), "", mail="mail_1")
        arrive(box, WaitCompleted(due_ms=9, woken=True), "0/sleep#0")
        box.put_back()
        assert [kind for _, kind in taken(box)] == ["wait_completed", "wake_requested"]


def test_a_completion_is_enclosed_alone_behind_the_answer() -> None:
    box = outbox()
    box.add(A, step("app:a"))
    arrive(box, WaitCompleted(due_ms=5), B)
    append = box.enclose(A, done(), Births(WORKER, frozenset()), Pending())
    assert [(row.turn, row.type) for row in append.rows] == [(4, "step_created"), (5, "step_completed")]
    assert (append.seq, append.due_ms) == (11, 0)
    land(box)
    assert taken(box) == [(6, "wait_completed")]


def test_what_is_withdrawn_goes_next_but_for_the_completion() -> None:
    box = outbox()
    box.add(A, step("app:a"))
    box.enclose(A, done(), Births(WORKER, frozenset()), Pending())
    box.add(A, StepRetrying(attempt=1, error=BOOM, retry_at_ms=7))
    box.withdraw(A)
    assert [type for _, type in taken(box)] == ["step_created", "step_retrying"]
