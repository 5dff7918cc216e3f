"""A commit: all its operations in one call of a function, and so in one round trip: of `commit_all`, or where it is one
operation, as most are, of a shorter one. What that refuses takes the long way too, where it is told why."""

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any, NamedTuple, cast

from msgspec import json

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import Append, Appended, Operation, Outcome, Refusal, Refused, Send, Sent, Start, Started
from perdure.worlds.postgres.alone import append_alone, goes_alone, send_alone, start_alone
from perdure.worlds.postgres.append import Rows, append_words, appended, touched
from perdure.worlds.postgres.array import numbers, texts
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.mail import send_words
from perdure.worlds.postgres.start import made, start_words, started
from perdure.worlds.postgres.store import Store

# Text, not jsonb: a step may have told its session to have that another way.
COMMIT = Call("""
    SELECT perdure.commit_all(
        $1, $2::text::text[], $3::text::int[], $4::text::text[], $5::text::text[], $6::text::bigint[], $7::text::bigint[],
        $8::text::int[], $9::text::int[], $10::text::int[], $11::text::bigint[], $12::text::int[], $13::text::text[],
        $14::text::bigint[], $15::text::bigint[], $16::text::bigint[], $17::text::text[], $18::text::text[], $19,
        $20::text::text[], $21::text::jsonb, $22
    )::text
""")
_TOLD = ENDED | {"blocked"}
_PLAIN = (numbers, texts, texts, *[numbers] * 6)


async def commit(store: Store, operations: Sequence[Operation]) -> list[Outcome]:
    await store.writes()
    alone = await _alone(store, operations[0]) if len(operations) == 1 else None
    if alone is None:
        [[answer]] = await store.fetch(COMMIT, store.told_ms, *arguments(operations))
        outcomes = outcomes_of(operations, json.decode(answer))
    else:
        outcomes = [alone]
    tell(store, operations, outcomes)
    return outcomes


async def _alone(store: Store, operation: Operation) -> Outcome | None:
    """The short way, for one that has one. None: it may not go there."""
    match operation:
        case Append() if goes_alone(operation):
            at_ms = await append_alone(store, operation)
            return None if at_ms is None else Appended(at_ms=at_ms, mail=0)
        case Start():
            at_ms = await start_alone(store, operation)
            return None if at_ms is None else made(operation, at_ms)
        case Send():
            mail = await send_alone(store, operation)
            return None if mail is None else Sent(mail=mail)
        case _:
            return None


def tell(store: Store, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> None:
    """Hints for whom these concern."""
    news = False
    for operation, outcome in zip(operations, outcomes, strict=True):
        if stirs(operation, outcome):
            store.stir()
            store.tell()
            return
        news = news or is_news(operation)
    if news:
        store.tell()


def arguments(operations: Sequence[Operation]) -> list[Any]:
    """Of `commit_all`, but for the clock."""
    crowd = _Crowd(operations)
    rows, data = Rows(), Data()
    plain: list[tuple[Any, ...]] = []
    others: list[dict[str, Any]] = []
    for op, (operation, apart) in enumerate(zip(operations, crowd.apart, strict=True), 1):
        if not (apart and isinstance(operation, Append)) or operation.stands_otherwise:
            others.append(_words(op, operation, apart, rows, data))
        else:
            plain.append(_plain(op, operation, rows))
    columns = [*zip(*plain, strict=True)] or [()] * len(_PLAIN)
    return [
        texts([*crowd.named.difference(columns[1])]),
        *[write(column) for write, column in zip(_PLAIN, columns, strict=True)],
        *rows.columns(),
        json.encode(others).decode(),
        data.values,
    ]


def _words(op: int, operation: Operation, apart: bool, rows: Rows, data: Data) -> dict[str, Any]:
    told: dict[str, Any] = {"op": op, "together": True} if apart else {"op": op}
    match operation:
        case Append():
            return {"do": "append", **told, **append_words(operation, rows, data, op if apart else 0)}
        case Start() if apart:
            first = rows.put_start(op, operation)
            return {"do": "start", **told, **start_words(operation, first, first + 1)}
        case Start():
            places = data.put(operation.created), data.put(operation.started)
            return {"do": "start", **told, **start_words(operation, *places)}
        case Send():
            return {"do": "send", **told, **send_words(operation, data)}


class _Crowd:
    """What a commit's operations have to do with each other: they are done in order, except those that have nothing.

    `named`: the runs that any of them may change or ask. `apart`: of each operation, whether it may be done before the
    others, together with those of its kind.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        named: list[RunId] = []
        keys: list[str] = []
        hooks = False
        self.apart: list[bool] = []
        for operation in operations:
            alone = True
            if isinstance(operation, Append):
                alone = operation.is_simple
                if alone:
                    named.append(operation.run_id)
                else:
                    named += touched(operation)
                    keys += [child.idempotency_key for child in operation.children if child.idempotency_key is not None]
                    hooks = hooks or bool(operation.hooks)
            elif isinstance(operation, Start):
                named.append(operation.run_id)
                if operation.idempotency_key is not None:
                    keys.append(operation.idempotency_key)
            else:
                alone = False
                named.append(operation.letter.run_id)
            self.apart.append(alone)
        self.named = set(named)
        if hooks or len(self.named) < len(named) or len(set(keys)) < len(keys):
            shared = _Shared(_repeated(named), _repeated(keys), hooks)
            self.apart = [
                alone and shared.leave_alone(operation) for alone, operation in zip(self.apart, operations, strict=True)
            ]


class _Shared(NamedTuple):
    """Runs and keys that operations have in common, and whether any of them changes hooks."""

    runs: Set[str]
    keys: Set[str]
    hooks: bool

    def leave_alone(self, operation: Operation) -> bool:
        """An end frees the tokens of its run's hooks, for which another operation may ask."""
        match operation:
            case Append():
                return operation.run_id not in self.runs and not (self.hooks and operation.status in ENDED)
            case Start():
                return operation.run_id not in self.runs and operation.idempotency_key not in self.keys
            case Send():
                return False


def _repeated(names: Sequence[str]) -> Set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def outcomes_of(operations: Sequence[Operation], answer: dict[str, Any]) -> list[Outcome]:
    now_ms: int = answer["now"]
    as_it_is = Appended(at_ms=now_ms, mail=0)  # of what was done together nothing is told
    outcomes: list[Outcome] = [
        made(operation, now_ms) if isinstance(operation, Start) else as_it_is for operation in operations
    ]
    for told in answer["told"]:
        place: int = told["op"] - 1
        outcomes[place] = _outcome(operations[place], told, now_ms)
    return outcomes


def stirs(operation: Operation, outcome: Outcome) -> bool:
    """Whether it left something that a worker may claim, or mail for one."""
    if isinstance(operation, Append) and isinstance(outcome, Appended):
        if operation.hand_back or operation.seize or len(operation.children) > len(outcome.born):
            return True
        return any(letter.run_id not in outcome.near for letter in operation.letters)
    if isinstance(outcome, Started):
        return outcome.created and not outcome.owned
    return isinstance(outcome, Sent) and not outcome.mail  # else it is the sender's own worker that it is for


def is_news(operation: Operation) -> bool:
    """Whether somebody in another process may wait for it: a run's end, a stream's chunks, or a run to claim."""
    return isinstance(operation, Append) and bool(operation.release or operation.chunks or operation.status in _TOLD)


def _plain(op: int, append: Append, rows: Rows) -> tuple[Any, ...]:
    return (
        op,
        append.run_id,
        append.owner,
        append.epoch,
        append.seq - 1,
        rows.put(op, append),
        len(append.rows),
        0 if append.turn_completed else 1,  # a factor of 0 resets the deaths
        append.due_ms,
    )


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
            return Sent(mail=told.get("mail", 0))
