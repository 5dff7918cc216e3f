"""A commit: all its operations in one call of a function, and so in one round trip: of `commit_all`, or where it is one
simple append, of a shorter one. What that refuses takes the long way too, where it is told why."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any, cast

from msgspec import json

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import Append, Appended, Operation, Outcome, Refusal, Refused, Send, Sent, Start, Started
from perdure.worlds.postgres.alone import append_alone
from perdure.worlds.postgres.append import Rows, append_words, appended, touched
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.mail import letter_words
from perdure.worlds.postgres.start import made, start_words, started
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import write

# Text, not jsonb: a step may have told its session to have that another way. Numbers go as the text of an array, too: of
# a list's elements the driver looks at each, whether it is a list itself.
COMMIT = Call("""
    SELECT perdure.commit_all(
        $1, $2, $3::text::int[], $4, $5, $6::text::bigint[], $7::text::bigint[], $8::text::int[], $9::text::int[],
        $10::text::int[], $11::text::bigint[], $12::text::int[], $13, $14::text::bigint[], $15::text::bigint[],
        $16::text::bigint[], $17, $18, $19, $20, $21::text::jsonb, $22
    )::text
""")
_PLAIN_TEXTS = (1, 2)
_PLAIN_COLUMNS = 9
_ROW_TEXTS = (1, 5, 6, 7, 8)
_ROW_COLUMNS = 9


async def commit(store: Store, operations: Sequence[Operation]) -> list[Outcome]:
    await store.writes()
    outcomes = await _alone(store, operations) or await _all(store, operations)
    tell(store, operations, outcomes)
    return outcomes


async def _alone(store: Store, operations: Sequence[Operation]) -> list[Outcome] | None:
    """The short way, for one append that says nothing but how its run stands. None: it is another, or may not."""
    match operations:
        case [Append(is_simple=True) as append]:
            at_ms = await append_alone(store, append)
            return None if at_ms is None else [Appended(at_ms=at_ms, mail=0)]
        case _:
            return None


async def _all(store: Store, operations: Sequence[Operation]) -> list[Outcome]:
    [[answer]] = await store.fetch(COMMIT, store.told_ms, *arguments(operations))
    return outcomes_of(operations, json.decode(answer))


def tell(store: Store, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> None:
    """Hints for whom these concern."""
    if any(stirs(operation, outcome) for operation, outcome in zip(operations, outcomes, strict=True)):
        store.stir()
        store.tell()
    elif any(is_news(operation) for operation in operations):
        store.tell()


def arguments(operations: Sequence[Operation]) -> list[Any]:
    """Of `commit_all`, but for the clock."""
    crowd = _Crowd(operations)
    rows, data = Rows(), Data()
    plain: list[tuple[Any, ...]] = []
    others: list[dict[str, Any]] = []
    for op, operation in enumerate(operations, 1):
        together = crowd.leaves_alone(operation)
        told: dict[str, Any] = {"op": op, "together": True} if together else {"op": op}
        match operation:
            case Append() if together and operation.is_plain:
                plain.append(_plain(op, operation, rows))
            case Append():
                words = append_words(operation, rows, data, op if together else 0)
                others.append({"do": "append", **told, **words})
            case Start() if together:
                first = rows.put_start(op, operation)
                others.append({"do": "start", **told, **start_words(operation, first, first + 1)})
            case Start():
                places = data.put(operation.created), data.put(operation.started)
                others.append({"do": "start", **told, **start_words(operation, *places)})
            case Send():
                others.append({"do": "send", **told, **letter_words(operation.letter, data, operation.hook)})
    return [
        sorted(write(run_id) for run_id in crowd.named),
        *_columns(plain, _PLAIN_COLUMNS, _PLAIN_TEXTS),
        *_columns(rows.values, _ROW_COLUMNS, _ROW_TEXTS),
        json.encode(others).decode(),
        data.values,
    ]


class _Crowd:
    """What a commit's operations have to do with each other: they are done in order, except those that have nothing."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.named = Counter(run_id for operation in operations for run_id in _touched(operation))
        self._keys = Counter(key for operation in operations for key in _keys(operation))
        self._hooks = any(isinstance(operation, Append) and operation.hooks for operation in operations)

    def leaves_alone(self, operation: Operation) -> bool:
        """Whether it may be done before the others, together with those of its kind.

        An end frees the tokens of its run's hooks, for which another operation may ask.
        """
        match operation:
            case Append():
                frees = self._hooks and operation.status in ENDED
                return operation.is_simple and not frees and self.named[operation.run_id] == 1
            case Start():
                key = operation.idempotency_key
                return self.named[operation.run_id] == 1 and (key is None or self._keys[key] == 1)
            case Send():
                return False


def outcomes_of(operations: Sequence[Operation], answer: dict[str, Any]) -> list[Outcome]:
    now_ms: int = answer["now"]
    outcomes: list[Outcome | None] = [None] * len(operations)
    for told in answer["told"]:
        place: int = told["op"] - 1
        outcomes[place] = _outcome(operations[place], told, now_ms)
    as_it_is = Appended(at_ms=now_ms, mail=0)  # of what was done together nothing is told
    return [
        outcome or (made(operation, now_ms) if isinstance(operation, Start) else as_it_is)
        for operation, outcome in zip(operations, outcomes, strict=True)
    ]


def stirs(operation: Operation, outcome: Outcome) -> bool:
    """Whether it left something that a worker may claim, or mail for one."""
    match operation, outcome:
        case _, Refused():
            return False
        case Start(), Started():
            return outcome.created and not outcome.owned
        case Append(), Appended():
            made = len(operation.children) > len(outcome.born)
            return operation.hand_back or operation.seize or bool(operation.letters) or made
        case _:
            return True


def is_news(operation: Operation) -> bool:
    """Whether somebody in another process may wait for it: a run's end, a stream's chunks, or a run to claim."""
    return isinstance(operation, Append) and (
        operation.status in ENDED or operation.status == "blocked" or operation.release or bool(operation.chunks)
    )


def _touched(operation: Operation) -> Iterable[RunId]:
    match operation:
        case Append():
            return touched(operation)
        case Start():
            return (operation.run_id,)
        case Send():
            return (operation.letter.run_id,)


def _keys(operation: Operation) -> Iterable[str]:
    match operation:
        case Append():
            return (child.idempotency_key for child in operation.children if child.idempotency_key is not None)
        case Start(idempotency_key=str() as key):
            return (key,)
        case _:
            return ()


def _plain(op: int, append: Append, rows: Rows) -> tuple[Any, ...]:
    return (
        op,
        write(append.run_id),
        write(append.owner),
        append.epoch,
        append.seq - 1,
        rows.put(op, append),
        len(append.rows),
        0 if append.turn_completed else 1,  # a factor of 0 resets the deaths
        append.due_ms,
    )


def _columns(rows: Sequence[tuple[Any, ...]], count: int, texts: Container[int]) -> list[Any]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * count
    return [
        _texts(column) if place in texts else f"{{{','.join(map(str, column))}}}"
        for place, column in enumerate(columns)
    ]


def _texts(column: Sequence[Any]) -> Sequence[Any]:
    """None at all are as good as only nulls, for `unnest`."""
    return column if any(text is not None for text in column) else ()


def _outcome(operation: Operation, told: dict[str, Any], now_ms: int) -> Outcome:
    if "refused" in told:
        refusal = Refusal[cast(str, told["refused"])]
        return Refused(refusal=refusal, now_ms=now_ms if refusal is Refusal.EARLY else 0)
    match operation:
        case Append():
            return appended(told)
        case Start():
            return started(told)
        case Send():
            return Sent()
