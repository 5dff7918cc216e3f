"""What goes in, and the append that comes out: turns, their order, and what a refusal leaves."""

from collections.abc import Callable

import pytest

from perdure.engine.append import Births, Entry, Header
from perdure.engine.outbox import Outbox
from perdure.model.event import (
    CancelRequested,
    Fact,
    RunBlocked,
    RunCompleted,
    StepRetrying,
    WaitCompleted,
    WakeRequested,
)
from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world import Append, Appended
from tests.core.logs import BOOM, done, raw, sleep, step

ME, WORKER = RunId("wrun_1"), WorkerId("wrkr_1")
HEADER = Header(run_id=ME, root_id=ME, owner=WORKER, parent_id=None, parent_key=None, deployment="d")
END = RunCompleted(result=raw("1"))
A, B = "0/step:a#0", "0/step:b#0"


def outbox() -> Outbox:
    """Of a run whose log has ten events, the last of turn 4."""
    return Outbox(HEADER, epoch=2, seq=11, status="running", turn=4)


def everything(_key: str) -> bool:
    return True


def take(box: Outbox, wanted: "Callable[[str], bool] | None" = everything, *, owner_goes: bool = False) -> Append | None:
    return box.take(wanted, Births(WORKER, frozenset()), list, owner_goes=owner_goes)


def taken(box: Outbox, wanted: "Callable[[str], bool] | None" = everything) -> list[tuple[int, str]]:
    append = take(box, wanted)
    return [] if append is None else [(row.turn, row.type) for row in append.rows]


def land(box: Outbox) -> list[Fact]:
    return [event.fact for event in box.landed(Appended(at_ms=7, mail=0))]


def arrive(box: Outbox, fact: Fact, key: str = A, mail: str | None = None) -> None:
    box.arrive(Entry(0, key, fact, None if mail is None else MailId(mail)))


def test_an_empty_one_gives_nothing() -> None:
    box = outbox()
    assert box.empty
    assert take(box) is None


def test_an_owner_that_goes_appends_even_nothing() -> None:
    append = take(outbox(), owner_goes=True)
    assert append is not None
    assert (list(append.rows), append.seq, append.epoch) == ([], 11, 2)


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
        assert taken(box, lambda key: key == B) == []
        assert (box.empty, box.turn) == (True, 4)

    def test_mail_is_recorded_all_the_same(self) -> None:
        box = outbox()
        arrive(box, CancelRequested(), "", mail="mail_1")
        assert taken(box, lambda key: False) == [(5, "cancel_requested")]

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


class TestRefusals:
    def test_a_flight_goes_first_the_next_time(self) -> None:
        box = outbox()
        box.add(A, step())
        take(box)
        box.add(B, sleep())
        box.put_back()
        assert taken(box) == [(4, "step_created"), (4, "wait_created")]

    def test_a_wait_that_is_early_falls_out_and_its_turn_is_not_begun(self) -> None:
        box = outbox()
        box.add(B, step())
        arrive(box, WaitCompleted(due_ms=100), "0/sleep#0")
        arrive(box, done(), A)
        take(box)
        assert box.put_back_but_early(90) == {"0/sleep#0": 10}
        append = take(box)
        assert append is not None
        assert [row.type for row in append.rows] == ["step_created", "step_completed"]
        assert append.due_ms == 0

    @pytest.mark.parametrize("wait", [WaitCompleted(due_ms=100, woken=True), WaitCompleted(due_ms=90)])
    def test_a_wait_that_is_due_or_woken_stays(self, wait: WaitCompleted) -> None:
        box = outbox()
        arrive(box, wait, "0/sleep#0")
        take(box)
        assert box.put_back_but_early(90) == {}
        assert not box.empty

    def test_an_outcome_that_came_meanwhile_is_not_recorded_twice(self) -> None:
        """A refused flight has the timer's completion; meanwhile somebody woke the sleep."""
        box = outbox()
        arrive(box, WaitCompleted(due_ms=9), "0/sleep#0")
        take(box)
        arrive(box, WakeRequested(), "", mail="mail_1")
        arrive(box, WaitCompleted(due_ms=9, woken=True), "0/sleep#0")
        box.put_back()
        assert [kind for _, kind in taken(box)] == ["wait_completed", "wake_requested"]
