"""A step as a guest in the database: it has a session of its own for the length of a transaction."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from msgspec import json

from perdure.errors import TransactionInvalid
from perdure.world import Append, Appended, Refused
from perdure.world.transaction import ENDED_BY_ITSELF
from perdure.worlds.postgres.alone import APPEND, goes_alone, told
from perdure.worlds.postgres.commit import COMMIT, arguments, outcomes_of, tell
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.fault import ServerError, is_lost, to_world_error
from perdure.worlds.postgres.session import Session, Sessions, Transaction, is_gone
from perdure.worlds.postgres.store import Store

IDLE_S = 60
"""The server ends a session that is idle in its transaction for so long: its worker may be frozen, or cut off, and nobody
gets at the rows that it has locked."""

# SET and no query: the step may still choose the isolation level.
_MARK = "SET LOCAL perdure_step.mark = '{mark}'; SET LOCAL idle_in_transaction_session_timeout = '{idle_s}s'"
_LAST = "SELECT CASE current_setting('perdure_step.mark', true) WHEN ${mark}::text THEN ({call}) END"
_ALONE, _ALL = _LAST.format(mark=29, call=APPEND), _LAST.format(mark=23, call=COMMIT)


class Guest:
    """A `perdure.world.Transaction`."""

    def __init__(self, step: str, store: Store, sessions: Sessions, session: Session) -> None:
        self._step, self._store, self._sessions = step, store, sessions
        self.connection: Any = session
        self._session: Session | None = session
        self._transaction: Transaction = session.transaction(isolation="read_committed")
        self._mark = uuid4().hex

    async def start(self) -> None:
        """Raises: the driver's errors."""
        assert self._session is not None, "it starts before it ends"
        await self._transaction.start()
        await self._session.execute(
            _MARK.format(mark=self._mark, idle_s=IDLE_S), timeout=self._store.location.command_s
        )

    async def commit(self, append: Append) -> Appended | Refused:
        session, committing = self._session, False
        assert session is not None, "it is committed before it ends"
        try:
            outcome = await self._append(session, append)
            if isinstance(outcome, Appended):
                committing = True
                await self._transaction.commit()
                self._leave(undo=False)
                tell(self._store, [append], [outcome])
        except Exception as error:
            if is_lost(error) and (committing or is_gone(session) or isinstance(error, ServerError)):
                raise to_world_error(error, self._store.location) from error
            raise
        finally:
            self.rollback()
        return outcome

    def rollback(self) -> None:
        self._leave(undo=True)

    def _leave(self, *, undo: bool) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._sessions.give_back(session, self._transaction if undo else None)

    async def _append(self, session: Session, append: Append) -> Appended | Refused:
        if goes_alone(append) and (at_ms := await self._call(session, _ALONE, told(append))) is not None:
            return Appended(at_ms=at_ms, mail=0)
        answer = await self._call(session, _ALL, arguments([append]))
        if answer is None:
            raise TransactionInvalid(self._step, ENDED_BY_ITSELF)
        [outcome] = outcomes_of([append], json.decode(answer))
        assert isinstance(outcome, Appended | Refused), "L1: an append's outcome"
        return outcome

    async def _call(self, session: Session, sql: str, arguments: Sequence[Any]) -> Any:
        """None, too, where the step has ended the transaction."""
        if not session.is_in_transaction():
            return None
        store = self._store
        text = qualified(sql, store.location.schema)
        return await session.fetchval(text, store.told_ms, *arguments, self._mark, timeout=store.location.command_s)


class PostgresTransactions:
    """`perdure.world.Transactions`."""

    exclusive, limit_ms, in_threads = False, 0, False

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, step: str) -> Guest:
        sessions = await self._store.sessions()
        guest = Guest(step, self._store, sessions, await sessions.take())
        try:
            await guest.start()
        except BaseException as error:
            guest.rollback()
            if isinstance(error, Exception):
                raise to_world_error(error, self._store.location) from error
            raise
        return guest
