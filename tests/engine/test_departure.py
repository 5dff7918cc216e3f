"""The ways in which a run leaves its worker."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from perdure.core.pending import Pending
from perdure.engine.append import Births, Entry, Header
from perdure.engine.departure import REFUSALS_MAX, Departure
from perdure.engine.outbox import Outbox
from perdure.model.event import (
    AnyFact,
    CancelRequested,
    Fact,
    HookDisposed,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    StepRetrying,
)
from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world import Append, Appended, HookClosing, NewHook
from tests.core.hooks import got, hook
from tests.core.logs import BOOM, done, log, raw, sleep, step

ME, WORKER = RunId("wrun_1"), WorkerId("wrkr_1")
A = "0/step:app:charge#0"
H, H2 = "0/hook#0", "0/hook#1"


class Run:
    """A run with this log, at rest. `happened` is what it did, or had done to it."""

    def __init__(self, *lines: tuple[int, str, AnyFact], body: bool = True) -> None:
        header = Header(run_id=ME, root_id=ME, owner=WORKER, parent_id=None, parent_key=None, deployment="d")
        self.run_id, self.at_rest, self.careful = ME, True, False
        self.happened: list[object] = []
        self.pending = Pending(log(*lines))
        self.outbox = Outbox(header, epoch=1, seq=9, status="running", turn=3)
        self.attempts = self.waits = SimpleNamespace(close=lambda: self.happened.append("close"))  # type: ignore[assignment]
        self.stream: Any = SimpleNamespace(close=lambda: self.happened.append("stream"))
        self.body: Any = SimpleNamespace(put_away=lambda: self.happened.append("body")) if body else None
        self.host: Any = SimpleNamespace(
            rest=SimpleNamespace(begin=self.happened.append, end=lambda run_id: None),
            committer=SimpleNamespace(offer=lambda run, urgent: self.happened.append("offer")),
            world=SimpleNamespace(now_ms=lambda: 0),
            left=lambda run_id, fact, wake_at_ms: self.happened.append(("left", fact, wake_at_ms)),
        )
        self.departure = Departure(self)  # type: ignore[arg-type]

    def let_go(self) -> None: ...

    def write(self) -> list[str]:
        """What the next append says."""
        births = Births(WORKER, frozenset())
        append = self.outbox.take(lambda entry: entry, births, self.pending, empty_too=False)
        return [] if append is None else [row.type for row in append.rows]

    def take(self) -> Append | None: ...

    def landed(self, outcome: object) -> None: ...

    def poisoned(self, error: Exception) -> None: ...


def released(run: Run, *, turn_completed: bool = False) -> Append:
    return run.departure.onto(Append(run_id=ME, owner=WORKER, epoch=1, seq=9, rows=(), turn_completed=turn_completed))


class TestPuttingAway:
    def test_a_run_at_rest_goes(self) -> None:
        run = Run()
        run.departure.put_away()
        assert run.happened == ["offer"]
        assert run.departure.goes_now()

    def test_a_rest_begins_when_nothing_is_left_to_do(self) -> None:
        run = Run()
        run.departure.rest()
        assert run.happened == [ME]
        run.at_rest = False
        run.departure.rest()
        assert run.happened == [ME]

    @pytest.mark.parametrize("act", [Departure.hand_back, Departure.leave], ids=["it goes on", "it leaves"])
    def test_a_rest_ends_with_the_next_thing_to_do_and_with_the_run(self, act: Callable[[Departure], None]) -> None:
        run, ended = Run(), list[RunId]()
        run.host.rest.end = ended.append
        run.departure.rest()
        act(run.departure)
        assert ended == [ME]
        never_at_rest = Run()
        never_at_rest.host.rest.end = ended.append
        act(never_at_rest.departure)
        assert ended == [ME]

    @pytest.mark.parametrize(("due_ms", "happened"), [(999, [ME]), (1000, ["offer"])])
    def test_one_on_probation_goes_at_once_if_it_would_not_come_back_at_once(
        self, due_ms: int, happened: list[object]
    ) -> None:
        run = Run((0, "s", sleep(due_ms)))
        run.careful = True
        run.departure.rest()
        assert run.happened == happened

    def test_one_that_is_busy_stays(self) -> None:
        run = Run()
        run.at_rest = False
        run.departure.put_away()
        assert (run.happened, run.departure.releasing) == ([], False)

    def test_something_that_came_in_between_keeps_it(self) -> None:
        run = Run()
        run.departure.put_away()
        run.outbox.arrive(Entry(0, A, done()))
        assert not run.departure.goes_now()
        assert not run.departure.releasing

    def test_an_end_that_mail_keeps_from_its_place_closes_the_hooks_first(self) -> None:
        """Else whoever sends faster than a turn is written keeps the run from its end, for ever (P1, P12)."""
        run = Run((0, H, hook()), (0, H2, hook("another")))
        run.outbox.add(H2, HookDisposed())
        run.pending.see(H2, HookDisposed(), 0)
        run.outbox.add("", RunCompleted(result=raw("1")))
        for _ in range(REFUSALS_MAX):
            assert run.write() == ["hook_disposed", "run_completed"]
            run.outbox.put_back()
            run.departure.stay()
        run.outbox.arrive(Entry(0, H, got(), MailId("mail_1")))
        assert run.write() == ["hook_disposed", "hook_disposed"], "one by the body, which goes first too"
        run.outbox.landed(Appended(at_ms=7, mail=1))
        assert run.write() == ["hook_received", "run_completed"]

    def test_a_hook_that_the_end_asks_for_itself_is_not_open_yet(self) -> None:
        run = Run((0, H2, hook()))
        run.outbox.add(H, hook("another"))
        run.pending.see(H, hook("another"), 0)
        run.outbox.add(H, HookDisposed())
        run.outbox.add("", RunCompleted(result=raw("1")))
        for _ in range(REFUSALS_MAX):
            run.write()
            run.outbox.put_back()
            run.departure.stay()
        assert run.write() == ["hook_disposed"]
        run.outbox.landed(Appended(at_ms=7, mail=0))
        assert run.write() == ["hook_created", "hook_disposed", "run_completed"]

    def test_mail_keeps_it(self) -> None:
        run = Run()
        run.departure.put_away()
        run.departure.stay()
        assert not run.departure.releasing

    def test_along_with_the_answer(self) -> None:
        run = Run()
        run.outbox.add("0/sleep#0", sleep())
        run.departure.put_away_along()
        assert run.departure.goes_now()

    def test_along_but_something_has_arrived(self) -> None:
        run = Run()
        run.outbox.add("0/sleep#0", sleep())
        run.departure.put_away_along()
        run.outbox.arrive(Entry(0, A, done()))
        assert not run.departure.goes_now()


class TestHandingBack:
    def test_it_goes_with_all_that_it_has_to_say(self) -> None:
        run = Run()
        run.outbox.arrive(Entry(0, A, done()))
        run.departure.hand_back()
        assert run.departure.goes_now()
        assert released(run).hand_back

    def test_mail_does_not_keep_it(self) -> None:
        run = Run()
        run.departure.hand_back()
        run.departure.stay()
        assert run.departure.releasing


class TestWhenItIsDueAgain:
    @pytest.mark.parametrize(
        ("lines", "wake_at_ms"),
        [
            ([], None),
            ([(0, "0/sleep#0", sleep(70_000)), (0, "0.1/sleep#0", sleep(50_000))], 50_000),
            ([(0, A, step()), (0, A, StepRetrying(attempt=1, error=BOOM, retry_at_ms=60_000))], 60_000),
            ([(0, "0/sleep#0", sleep(70_000)), (1, "", CancelRequested(force_at_ms=40_000))], 40_000),
            ([(0, A, step())], 0),
        ],
        ids=["only by mail", "the soonest wait", "a retry", "a grace", "a step that was cut off"],
    )
    def test_the_least_of_all(self, lines: list[tuple[int, str, AnyFact]], wake_at_ms: int | None) -> None:
        append = released(Run(*lines))
        assert (append.release, append.wake_at_ms) == (True, wake_at_ms)

    def test_at_once_where_nobody_has_answered(self) -> None:
        """T4: the next owner answers."""
        asleep = (0, "0/sleep#0", sleep(70_000))
        assert released(Run(asleep, body=False)).wake_at_ms == 0
        assert released(Run(asleep), turn_completed=True).wake_at_ms == 0

    def test_at_once_where_the_body_has_to_hear_what_the_world_decides(self) -> None:
        """T5: whether a token was taken."""
        run = Run((0, "0/sleep#0", sleep(70_000)))
        new = NewHook(key="0/hook#0", token_hash="t", row=0)
        append = Append(run_id=ME, owner=WORKER, epoch=1, seq=9, rows=(), hooks=(new,))
        assert run.departure.onto(append).wake_at_ms == 0
        closing = replace(append, hooks=(HookClosing(key="0/hook#0"),))
        assert run.departure.onto(closing).wake_at_ms == 70_000

    def test_a_hooks_end_is_due_too(self) -> None:
        assert released(Run((0, "0/hook#0", hook(expires_ms=30_000)))).wake_at_ms == 30_000


class TestEnds:
    def test_an_end_stops_all_and_is_written(self) -> None:
        run = Run()
        run.departure.end(RunCompleted(result=raw("1")))
        assert run.happened == ["close", "close", "offer"]
        assert run.write() == ["run_completed"]

    def test_a_cancel_names_its_reason(self) -> None:
        run = Run((1, "", CancelRequested(reason="enough")))
        run.departure.end(RunCancelled())
        append = run.outbox.take(None, Births(WORKER, frozenset()), run.pending, empty_too=False)
        assert append is not None
        assert append.rows[0].payload == b'{"reason":"enough"}'

    def test_force_ends_without_the_body(self) -> None:
        run = Run((1, "", CancelRequested(reason="enough")))
        run.departure.force()
        append = run.outbox.take(None, Births(WORKER, frozenset()), run.pending, empty_too=False)
        assert append is not None
        assert append.rows[0].payload == b'{"reason":"enough","forced":true}'

    def test_force_comes_too_late(self) -> None:
        run = Run()
        run.departure.end(RunCompleted(result=raw("1")))
        run.departure.force()
        assert run.write() == ["run_completed"]
        gone = Run()
        gone.departure.leave()
        gone.departure.force()
        assert gone.write() == []

    def test_a_parked_run_says_only_that(self) -> None:
        run = Run()
        run.outbox.add(A, step())
        run.departure.park(RunBlocked(sentence="why"))
        assert run.happened == ["close", "close", "offer"]
        assert run.write() == ["run_blocked"]


class TestLeaving:
    @pytest.mark.parametrize("fact", [None, RunCompleted(result=raw("1"))])
    def test_the_host_is_told_and_the_body_thrown_away(self, fact: Fact | None) -> None:
        run = Run()
        run.departure.leave(fact, wake_at_ms=5)
        assert run.happened == ["close", "close", "stream", "body", ("left", fact, 5)]
        assert run.departure.gone

    def test_once(self) -> None:
        run = Run()
        run.departure.leave()
        run.happened.clear()
        run.departure.leave()
        run.departure.put_away()
        run.departure.hand_back()
        run.departure.park(RunBlocked(sentence="too many deaths"))
        assert run.happened == []
