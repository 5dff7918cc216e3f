"""Facts in, an append out: what each event brings with it."""

import pytest
from msgspec import Raw

from perdure.core.pending import Pending
from perdure.core.transitions import IllegalEvent
from perdure.engine.append import Births, Entry, Header, compose, last_chunks
from perdure.model.event import (
    AttributesSet,
    CancelRequested,
    ChildCreated,
    Fact,
    HookDisposed,
    HookExpired,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRepinned,
    RunStarted,
    StepRetrying,
    StreamClosed,
    StreamEpilogue,
    StreamWritten,
    WaitCompleted,
    WakeRequested,
)
from perdure.model.ids import MailId, RunId, WorkerId, token_hash
from perdure.model.status import Status
from perdure.world import Append, HookClosing, NewChunks, NewHook
from tests.core.hooks import TERMS, got, hook
from tests.core.logs import BOOM, done, failed, raw, step

ME, CHILD, PARENT = RunId("wrun_1"), RunId("wrun_2"), RunId("wrun_0")
WORKER = WorkerId("wrkr_1")
HEADER = Header(run_id=ME, root_id=ME, owner=WORKER, parent_id=None, parent_key=None, deployment="d1")
AS_CHILD = HEADER._replace(root_id=PARENT, parent_id=PARENT, parent_key="0/child:app:me#0")
BIRTHS = Births(WORKER, frozenset(("app:served",)))


def append(*facts: Fact, header: Header = HEADER, status: Status = "running", children: int = 0) -> Append:
    entries = [Entry(3, "0/key#0", fact) for fact in facts]
    pending = Pending()
    for number in range(children):
        born = ChildCreated(run_id=RunId(f"wrun_c{number}"), workflow="app:kid", input=raw("{}"))
        pending.see(f"0/child:app:kid#{number}", born, 0)
    return compose(header, 7, 12, status, entries, BIRTHS, pending)[0]


def child(workflow: str = "app:served", due_ms: int | None = None) -> ChildCreated:
    return ChildCreated(run_id=CHILD, workflow=workflow, input=raw('{"n":1}'), attributes={"a": "b"}, due_ms=due_ms)


def test_rows_are_the_entries_in_order() -> None:
    made = append(step(), done("[2]"))
    assert (made.run_id, made.owner, made.epoch, made.seq) == (ME, WORKER, 7, 12)
    assert [(row.turn, row.type, row.key) for row in made.rows] == [
        (3, "step_created", "0/key#0"),
        (3, "step_completed", "0/key#0"),
    ]
    assert bytes(made.rows[1].payload) == b'{"attempt":1,"result":[2]}'


def test_without_effects_an_append_is_its_rows() -> None:
    made = append(step())
    assert (made.status, made.turn_completed, made.due_ms, made.mail_taken) == (None, False, 0, ())
    assert (made.letters, made.children, made.attributes) == ((), (), {})
    assert (made.hooks, made.chunks, made.all_mail) == ((), (), False)
    assert not (made.release or made.seize or made.probation)


@pytest.mark.parametrize(
    ("fact", "completes"),
    [
        (done(), True),
        (failed(), True),
        (WaitCompleted(due_ms=5), True),
        (CancelRequested(), True),
        (got(), True),
        (HookExpired(due_ms=5), True),
        (StepRetrying(attempt=1, error=BOOM, retry_at_ms=9), False),
        (step(), False),
        (hook(), False),
        (HookDisposed(), False),
        (WakeRequested(), False),
    ],
)
def test_a_delivery_completes_a_turn(fact: Fact, completes: bool) -> None:
    assert append(fact).turn_completed is completes


@pytest.mark.parametrize(
    ("facts", "due_ms"),
    [
        ([WaitCompleted(due_ms=50)], 50),
        ([WaitCompleted(due_ms=50), WaitCompleted(due_ms=40)], 50),
        ([WaitCompleted(due_ms=50, woken=True)], 0),
        ([WaitCompleted(due_ms=40), WaitCompleted(due_ms=50, woken=True)], 40),
        ([HookExpired(due_ms=50)], 50),
        ([WaitCompleted(due_ms=40), HookExpired(due_ms=50)], 50),
    ],
)
def test_a_wait_is_not_before_its_time_unless_woken(facts: list[Fact], due_ms: int) -> None:
    assert append(*facts).due_ms == due_ms


def test_letters_that_become_events_leave_the_inbox() -> None:
    entries = [Entry(4, "", CancelRequested(), MailId("mail_1")), Entry(4, "", WakeRequested(), MailId("mail_2"))]
    made, _ = compose(HEADER, 1, 3, "running", entries, BIRTHS, Pending())
    assert made.mail_taken == ("mail_1", "mail_2")
    assert [row.mail_id for row in made.rows] == ["mail_1", "mail_2"]


def test_attributes_of_one_append_add_up() -> None:
    made = append(
        AttributesSet(changes={"a": "1", "b": "1"}), AttributesSet(changes={"a": None, "c": "2"}, by_step=True)
    )
    assert made.attributes == {"a": None, "b": "1", "c": "2"}


@pytest.mark.parametrize(
    ("status", "fact", "after", "written"),
    [
        ("pending", RunStarted(), "running", "running"),
        ("running", step(), "running", None),
        ("running", RunCompleted(result=raw("1")), "completed", "completed"),
        ("running", RunFailed(error=BOOM), "failed", "failed"),
        ("blocked", RunCancelled(), "cancelled", "cancelled"),
    ],
)
def test_the_status_is_written_where_it_changes(status: Status, fact: Fact, after: str, written: str | None) -> None:
    made, then = compose(HEADER, 1, 3, status, [Entry(0, "", fact)], BIRTHS, Pending())
    assert (then, made.status) == (after, written)


def test_what_the_table_forbids_is_ours_to_find() -> None:
    with pytest.raises(IllegalEvent, match="P7: step_created can't follow in a run that is completed"):
        append(RunCompleted(result=raw("1")), step())


class TestHooks:
    def test_each_is_registered_under_its_tokens_hash_and_names_its_row(self) -> None:
        made = append(step(), hook("a"), done(), hook("b", webhook=TERMS, expires_ms=99))
        assert made.hooks == (
            NewHook(key="0/key#0", token_hash=token_hash("a"), row=1),
            NewHook(key="0/key#0", token_hash=token_hash("b"), row=3, webhook=True, expires_at_ms=99),
        )

    @pytest.mark.parametrize(("fact", "all_mail"), [(HookDisposed(), False), (HookExpired(due_ms=5), True)])
    def test_an_end_gives_the_token_back(self, fact: Fact, all_mail: bool) -> None:
        """What was accepted before the end of its time stands before it (P4)."""
        made = append(fact)
        assert (made.hooks, made.all_mail) == ((HookClosing(key="0/key#0"),), all_mail)

    def test_changes_stay_in_order(self) -> None:
        """A token that is given back is free for the next."""
        made = append(HookDisposed(), hook("a"))
        assert [type(change) for change in made.hooks] == [HookClosing, NewHook]

    def test_a_payload_takes_its_letter(self) -> None:
        made, _ = compose(HEADER, 1, 3, "running", [Entry(4, "0/hook#0", got(), MailId("mail_1"))], BIRTHS, Pending())
        assert (made.mail_taken, made.hooks) == (("mail_1",), ())


class TestStreams:
    def test_what_the_body_writes_is_a_row_and_a_chunk(self) -> None:
        made = append(StreamWritten(data=raw("[1]")), StreamWritten(data=raw("2"), stream="logs"), StreamClosed())
        assert [row.type for row in made.rows] == ["stream_written", "stream_written", "stream_closed"]
        assert made.chunks == (
            NewChunks(run_id=ME, stream="", data=(b"[1]",)),
            NewChunks(run_id=ME, stream="logs", data=(b"2",)),
            NewChunks(run_id=ME, stream="", close=True),
        )

    def test_it_may_be_another_runs(self) -> None:
        made = append(StreamWritten(data=raw("1"), run_id=PARENT), StreamClosed(run_id=PARENT))
        assert [(new.run_id, new.close) for new in made.chunks] == [(PARENT, False), (PARENT, True)]


class TestLastChunks:
    SAID = StreamEpilogue(completed=(raw("1"), raw("[2]")), failed=(raw("3"),))

    @pytest.mark.parametrize(
        ("end", "chunks"),
        [
            (RunCompleted(result=raw("1")), (NewChunks(run_id=ME, stream="", data=(b"1", b"[2]")),)),
            (RunFailed(error=BOOM), (NewChunks(run_id=ME, stream="", data=(b"3",)),)),
            (RunCancelled(forced=True), ()),
            (StreamClosed(), ()),
        ],
    )
    def test_what_was_said_for_this_end(self, end: Fact, chunks: tuple[NewChunks, ...]) -> None:
        pending = Pending()
        pending.see("0/epilogue#0", self.SAID, 0)
        assert last_chunks(append(end), pending) == chunks

    def test_of_each_stream_the_last_word_counts(self) -> None:
        pending = Pending()
        created = RunCreated(workflow="app:me", input=raw("{}"), epilogues=(self.SAID,))
        for fact in (
            created,
            StreamEpilogue(stream="log", completed=(raw("4"),)),
            StreamEpilogue(completed=(raw("5"),)),
        ):
            pending.see("", fact, 0)
        made = last_chunks(append(RunCompleted(result=raw("1"))), pending)
        assert {chunk.stream: chunk.data for chunk in made} == {"": (b"5",), "log": (b"4",)}


class TestEnds:
    @pytest.mark.parametrize(
        ("end", "kind", "payload"),
        [
            (RunCompleted(result=raw("[1]")), "child_completed", b'{"run_id":"wrun_1","result":[1]}'),
            (
                RunFailed(error=BOOM),
                "child_failed",
                b'{"run_id":"wrun_1","error":{"type":"builtins:ValueError","message":"boom"}}',
            ),
            (RunCancelled(reason="no"), "child_cancelled", b'{"run_id":"wrun_1","reason":"no"}'),
        ],
    )
    def test_a_parent_is_told(self, end: Fact, kind: str, payload: bytes) -> None:
        [letter] = append(end, header=AS_CHILD).letters
        assert (letter.run_id, letter.kind, letter.key) == (PARENT, kind, "0/child:app:me#0")
        assert letter.mail_id == "mail_1_end"
        assert letter.payload == payload

    def test_a_parent_that_does_not_wait_is_not_told(self) -> None:
        header = AS_CHILD._replace(parent_key=None)
        assert append(RunCompleted(result=raw("1")), header=header).letters == ()

    def test_a_cancel_goes_on_to_the_children(self) -> None:
        letters = append(RunCancelled(), children=2).letters
        assert [(letter.run_id, letter.mail_id, letter.kind, letter.key) for letter in letters] == [
            ("wrun_c0", "mail_c0_parent", "cancel_requested", ""),
            ("wrun_c1", "mail_c1_parent", "cancel_requested", ""),
        ]
        assert letters[0].payload == b'{"reason":"its parent wrun_1 was cancelled"}'

    @pytest.mark.parametrize("end", [RunCompleted(result=raw("1")), RunFailed(error=BOOM)])
    def test_other_ends_leave_the_children(self, end: Fact) -> None:
        assert append(end, children=2).letters == ()


class TestChildren:
    def test_one_that_is_served_here_is_born_here(self) -> None:
        [start] = append(child(), header=AS_CHILD).children
        assert (start.run_id, start.workflow, start.owner, start.wake_at_ms) == (CHILD, "app:served", WORKER, None)
        assert (start.parent_id, start.root_id, start.attributes, start.deployment) == (ME, PARENT, {"a": "b"}, "d1")
        assert start.created == (
            b'{"workflow":"app:served","input":{"n":1},"deployment":"d1","parent_id":"wrun_1","parent_key":"0/key#0"}'
        )
        assert start.started == b'{"deployment":"d1"}'

    def test_one_that_is_not_is_for_anybody(self) -> None:
        assert append(child("app:other")).children[0].owner is None

    def test_one_that_is_delayed_is_due_then(self) -> None:
        [start] = append(child(due_ms=99)).children
        assert (start.owner, start.wake_at_ms) == (None, 99)
        assert b'"due_ms":99' in start.created


def test_an_input_is_passed_on_byte_for_byte() -> None:
    odd = ChildCreated(run_id=CHILD, workflow="w", input=Raw(b'{ "n" :  1.0 }'))
    assert b'"input":{ "n" :  1.0 }' in append(odd).children[0].created


@pytest.mark.parametrize(("status", "pin"), [("pending", "v2"), ("running", ""), ("blocked", "v2")])
def test_a_new_pin_is_the_runs_own(status: Status, pin: str) -> None:
    made = append(RunRepinned(pin=pin), status=status)
    assert (made.pin, made.status) == (pin, None)
    assert append(step()).pin is None


def test_children_share_the_pin() -> None:
    [birth] = append(child(), header=HEADER._replace(pin="v1")).children
    assert birth.pin == "v1"
    assert b'"pin":"v1"' in birth.created
    [birth] = append(child()).children
    assert (birth.pin, b"pin" in birth.created) == ("", False)
