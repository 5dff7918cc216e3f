"""The store of a simulation: a memory World by virtual time, and what it notes of what it was told."""

import asyncio
from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId, token_hash
from perdure.testing.conformance.sample import (
    LEASE_MS,
    ONE,
    TWO,
    append_to,
    beat,
    born,
    chunks_of,
    claim_all,
    hook_of,
    letter_to,
    registering,
    run_id,
    send_to,
    start_of,
    writing,
)
from perdure.testing.simulation.store import BASE_MS, STALE_MS, Store, done
from perdure.testing.simulation.universe import Universe
from perdure.world import Append, Appended, HookClosing, Operation, Outcome, Refused, Send, Sent
from perdure.worlds.memory import MemoryWorld, hook
from perdure.worlds.memory.state import Draft


class Unfenced(MemoryWorld):
    """Takes appends from anyone."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return super().commit([self._allowed(operation) for operation in operations])

    def _allowed(self, operation: Operation) -> Operation:
        if isinstance(operation, Append):
            record = self._state.runs[operation.run_id].record
            return replace(operation, owner=record.owner, epoch=record.epoch)
        return operation


@pytest.fixture
def universe() -> Universe:
    return Universe(1)


@pytest.fixture
def store(universe: Universe) -> Store:
    return Store(universe)


def accepted(store: Store, number: int = 1) -> list[str]:
    return [letter.mail_id for letter in store.watched.accepted.get(run_id(number), [])]


def pass_ms(universe: Universe, delay_ms: int) -> None:
    universe.now_us += delay_ms * 1000


# -- calls


def test_what_never_suspends_is_done_at_once() -> None:
    async def answer() -> int:
        return 42

    assert done(answer()) == 42


def test_what_suspends_is_no_call_of_this_store() -> None:
    waiting = asyncio.sleep(0)
    with pytest.raises(AssertionError, match="the memory World suspended"):
        done(waiting)


def test_its_clock_is_virtual_and_can_be_set(store: Store, universe: Universe) -> None:
    pass_ms(universe, 1500)
    assert store.now_ms() == BASE_MS + 1500
    store.offset_ms = -2000
    assert store.now_ms() == BASE_MS - 500
    store.commit([start_of()])
    assert store.runs()[0].created_at_ms == BASE_MS - 500


def test_a_call_of_the_port_by_its_name(store: Store) -> None:
    store.commit([start_of(idempotency_key="key")])
    assert store.call("find_run", "key").run_id == run_id(1)
    store.call("retire", ONE, died=False)


def test_what_it_keeps_can_be_looked_at(store: Store) -> None:
    store.commit([start_of(1), start_of(2), Send(letter=letter_to(1))])
    assert sorted(record.run_id for record in store.runs()) == [run_id(1), run_id(2)]
    log = store.log(run_id(1))
    assert log is not None
    assert [row.type for row in log.rows] == ["run_created"]
    assert [letter.mail_id for letter in store.mail(run_id(1))] == ["mail_1"]
    assert store.log(RunId("wrun_none")) is None


def test_every_run_is_looked_at(store: Store) -> None:
    store.commit([start_of(number) for number in range(1, 131)])
    assert len(store.runs()) == 130


def test_a_lease_lives_by_the_stores_clock(store: Store, universe: Universe) -> None:
    assert not store.is_live(ONE)
    done(beat(store.world))
    assert (store.is_live(ONE), store.is_live(TWO)) == (True, False)
    pass_ms(universe, LEASE_MS - 1)
    assert store.is_live(ONE)
    store.offset_ms = 1
    assert not store.is_live(ONE)


def test_poison_is_stored_by_nobody(universe: Universe) -> None:
    store = Store(universe, poison=lambda append: append.run_id == run_id(2))
    done(born(store.world, 1))
    done(born(store.world, 2))
    with pytest.raises(ValueError, match=f"run {run_id(2)} can't be stored"):
        store.commit([append_to(1), append_to(2)])
    assert [record.length for record in store.runs()] == [2, 2], "the whole commit fails"
    store.commit([append_to(1)])
    assert sorted(record.length for record in store.runs()) == [2, 3]


# -- the log before


def test_an_older_log_lacks_what_came_a_moment_ago(store: Store, universe: Universe) -> None:
    done(born(store.world))
    row = append_to().rows[0]
    store.commit([append_to(seq=3, rows=(row, row))])
    store.commit([append_to(seq=5, rows=(row, row))])
    pass_ms(universe, STALE_MS)
    older, log = store.older_log(run_id(1)), store.log(run_id(1))
    assert older is not None
    assert log is not None
    assert ([row.seq for row in older.rows], len(log.rows)) == ([1, 2, 3, 4], 6)
    pass_ms(universe, 1)
    assert store.older_log(run_id(1)) == log


def test_an_append_without_rows_was_no_longer_log(store: Store) -> None:
    done(born(store.world))
    store.commit([append_to(seq=3)])
    store.commit([append_to(seq=4, rows=(), attributes={"a": "b"})])
    older = store.older_log(run_id(1))
    assert older is not None
    assert len(older.rows) == 2


def test_what_was_never_appended_to_has_no_older_log(store: Store) -> None:
    done(born(store.world))
    assert store.older_log(run_id(1)) == store.log(run_id(1))
    assert store.older_log(RunId("wrun_none")) is None


# -- letters


def test_letters_are_noted_once_in_the_order_of_acceptance(store: Store) -> None:
    store.commit([start_of(1), start_of(2)])
    for mail in ("mail_2", "mail_1", "mail_2"):
        assert store.commit([Send(letter=letter_to(1, mail))]) == [Sent()]
    store.commit([Send(letter=letter_to(2, "mail_3"))])
    assert (accepted(store, 1), accepted(store, 2)) == (["mail_2", "mail_1"], ["mail_3"])


def test_refused_letters_are_not_noted(store: Store) -> None:
    [outcome] = store.commit([Send(letter=letter_to(1))])
    assert isinstance(outcome, Refused)
    assert accepted(store) == []


def test_letters_of_an_append_are_noted_where_they_arrived(store: Store) -> None:
    done(born(store.world, 1))
    done(born(store.world, 2))
    done(born(store.world, 3))
    store.commit([append_to(3, status="failed")])
    letters = (letter_to(2, "mail_1"), letter_to(3, "mail_2"), letter_to(4, "mail_3"))
    store.commit([append_to(1, letters=letters)])
    assert [accepted(store, number) for number in (2, 3, 4)] == [["mail_1"], [], []]


def test_letters_of_a_refused_append_are_not_noted(store: Store) -> None:
    done(born(store.world, 1))
    done(born(store.world, 2))
    [outcome] = store.commit([append_to(1, epoch=7, letters=(letter_to(2, "mail_1"),))])
    assert isinstance(outcome, Refused)
    assert accepted(store, 2) == []


@pytest.mark.parametrize(
    ("kind", "claimed", "early"),
    [("cancel_requested", False, True), ("wake_requested", False, False), ("cancel_requested", True, False)],
)
def test_a_cancel_before_anybody_had_the_run_is_early(store: Store, kind: str, claimed: bool, early: bool) -> None:
    store.commit([start_of()])
    if claimed:
        done(beat(store.world, TWO))
        assert done(claim_all(store.world))
    store.commit([Send(letter=replace(letter_to(), kind=kind))])
    assert store.watched.early == ({run_id(1)} if early else set())


# -- ownership


def test_a_birth_with_a_live_lease_is_right(store: Store) -> None:
    done(beat(store.world))
    child = start_of(2, owner=ONE)
    store.commit([start_of(1, owner=ONE)])
    store.commit([append_to(1, children=(child,))])
    assert len(store.runs()) == 2
    assert store.watched.born_dead == []


@pytest.mark.parametrize("strict", [True, False])
def test_a_birth_to_a_dead_lease_is_noted(store: Store, strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    done(born(store.world, 1))
    store.offset_ms += LEASE_MS
    if not strict:
        monkeypatch.setattr(Draft, "is_live", lambda draft, worker_id: True)
    store.commit([append_to(1, children=(start_of(2, owner=ONE),)), start_of(3, owner=ONE)])
    assert len(store.runs()) == 3
    assert store.watched.born_dead == ([] if strict else [run_id(2), run_id(3)])


def test_what_was_born_before_is_no_birth(store: Store) -> None:
    done(born(store.world, 1))
    store.offset_ms += LEASE_MS
    [outcome] = store.commit([start_of(1, owner=ONE)])
    assert (outcome.owned, outcome.created) == (True, False)  # pyright: ignore
    assert store.watched.born_dead == []


@pytest.mark.parametrize(
    ("append", "unowned"),
    [
        (append_to(), False),
        (append_to(owner=TWO), True),
        (append_to(epoch=2), True),
        (append_to(owner=TWO, seize=True), False),
    ],
)
def test_an_append_by_somebody_else_is_noted(store: Store, append: Append, unowned: bool) -> None:
    store.world = Unfenced(clock=store.now_ms)
    done(born(store.world))
    [outcome] = store.commit([append])
    assert isinstance(outcome, Appended)
    assert store.watched.unowned == ([run_id(1)] if unowned else [])


def test_an_append_that_is_refused_is_not(store: Store) -> None:
    done(born(store.world))
    [outcome] = store.commit([append_to(owner=TWO)])
    assert isinstance(outcome, Refused)
    assert store.watched.unowned == []


# -- hooks and streams


def test_tokens_are_known_once_they_are_registered(store: Store) -> None:
    done(born(store.world))
    assert not store.knows("token")
    store.commit([registering(1, 3, hook_of(token_hash=token_hash("token")))])
    assert store.knows("token")
    assert store.watched.hooks == []


def test_payloads_for_a_hook_that_is_over_are_noted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    done(born(store.world))
    store.commit([registering(1, 3, hook_of())])
    store.commit([send_to(1, "mail_1")])
    store.commit([append_to(1, 4, hooks=(HookClosing(key="0/hook#0"),))])
    store.commit([send_to(1, "mail_2")])
    assert (accepted(store), store.watched.hooks) == (["mail_1"], [])
    monkeypatch.setattr(hook, "takes", lambda *_: True)
    store.commit([send_to(1, "mail_1"), send_to(1, "mail_3")])
    assert accepted(store) == ["mail_1", "mail_3"]
    assert store.watched.hooks == [(run_id(1), "M1 a payload for a hook that isn't open: 0/hook#0")]


def test_streams_are_there_whole(store: Store) -> None:
    done(born(store.world))
    assert store.streams(run_id(1)) == {}
    store.commit([writing(1, 0, chunks_of(1, "log", b"a", b"b"), chunks_of(1, "", b"c", close=True))])
    found = store.streams(run_id(1))
    assert {name: [chunk.data for chunk in page.chunks] for name, page in found.items()} == {
        "log": [b"a", b"b"],
        "": [b"c"],
    }
    assert {name: page.record.closed for name, page in found.items()} == {"log": False, "": True}
