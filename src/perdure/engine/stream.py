"""One run's chunks on their way into streams: gathered while steps write, taken along with the run's next append.

They are lazy, but for the first behind a pause: many chunks share one append, and a step's are committed at the latest
with its outcome; those that it keeps for its completion are committed with that, or not at all. A closed stream refuses
them alone; who drains is told.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from perdure.codec.compression import compressed
from perdure.errors import StreamClosed, WorldUnavailable
from perdure.model.event import StepCompleted
from perdure.model.ids import RunId, StepId
from perdure.world.operation import Append, Appended
from perdure.world.stream import NewChunks

FULL_BYTES, FULL_CHUNKS = 1024 * 1024, 2000
"""Who writes while more than that waits to be committed, waits too."""

QUIET_S = 0.02
"""A chunk that comes so long behind the last commit of chunks doesn't wait for others: a reader may wait for it."""


class Place(NamedTuple):
    """A stream, by its run and name."""

    run_id: RunId
    stream: str


class Piece(NamedTuple):
    """What one step writes at once: a chunk, or (`data` None) the end of the stream."""

    place: Place
    data: bytes | None
    step_id: StepId
    attempt: int


NOWHERE: frozenset[Place] = frozenset()
"""One for all: an empty set takes 216 bytes, and most runs write nothing."""


class Writer(Protocol):
    """The run that writes."""

    def wrote(self, *, urgent: bool) -> None:
        """There is something to append."""
        ...


class Outflow:
    """One live run's. `writes` counts its appends with chunks: the place of the next (see `Append`)."""

    __slots__ = (
        "_closed", "_drains", "_flight", "_kept", "_kept_flight", "_leaving", "_loop", "_pieces", "_quiet_at", "_refused",
        "_run", "_size", "writes",
    )  # fmt: skip

    def __init__(self, run: Writer, loop: asyncio.AbstractEventLoop, writes: int) -> None:
        self._run, self._loop, self.writes = run, loop, writes
        self._pieces: list[Piece] = []
        self._flight: Sequence[Piece] = ()
        self._kept: dict[str, list[Piece]] = {}  # for completions that are about to be written, by the step's key
        self._kept_flight: dict[str, list[Piece]] = {}
        self._drains: tuple[tuple[Place, asyncio.Future[None]], ...] = ()
        self._leaving: tuple[tuple[Place, asyncio.Future[None]], ...] = ()  # those whose chunks are in flight
        self._closed = NOWHERE
        self._refused = NOWHERE  # those that were closed when a step's chunks came
        self._size = 0
        self._quiet_at = 0.0

    @property
    def waiting(self) -> bool:
        return bool(self._pieces)

    @property
    def empty(self) -> bool:
        return not (self._pieces or self._flight or self._drains)

    @property
    def full(self) -> bool:
        return self._size > FULL_BYTES or len(self._pieces) > FULL_CHUNKS

    def check(self, place: Place) -> None:
        """Raises: StreamClosed, where that is known already."""
        if place in self._closed:
            raise closed(place)

    def write(self, piece: Piece) -> None:
        """Take a chunk. Raises: StreamClosed, where that is known already."""
        self.check(piece.place)
        gathers = self._pieces or self._flight or self._loop.time() < self._quiet_at
        self._pieces.append(piece)
        if piece.data is None:
            self._closed |= {piece.place}
        else:
            self._size += len(piece.data)
        self._run.wrote(urgent=not gathers)

    def keep(self, key: str, pieces: list[Piece]) -> None:
        """What a step kept for its completion, which arrives now: it goes with that event, or not at all."""
        self._kept[key] = pieces

    async def drained(self, place: Place) -> None:
        """Commit now, and wait for it. Raises: StreamClosed where the stream refused some of it, WorldUnavailable."""
        if place in self._refused:
            raise closed(place)
        if self._pieces or self._flight:
            future: asyncio.Future[None] = self._loop.create_future()
            if self._pieces:
                self._drains += ((place, future),)
                self._run.wrote(urgent=True)
            else:  # all of it is on its way: nothing more would be taken
                self._leaving += ((place, future),)
            await future

    # -- the run's side

    def onto(self, append: Append, last: tuple[NewChunks, ...] = (), *, alone: bool = False) -> Append:
        """The append with what waits; behind what the body wrote: it may have written before it began the step that
        answered at once, and knows of no chunk that isn't in an earlier append. `last`: what goes behind all. `alone`:
        it has but one of the completions that have arrived."""
        kept = self._with_completions(append, alone) if self._kept else ()
        if not (self._pieces or kept or append.chunks or last):
            return append
        self._flight, self._pieces, self._size = self._pieces, [], 0
        self._leaving, self._drains = self._drains, ()
        chunks = (*append.chunks, *_grouped([*self._flight, *kept]), *last)
        return replace(append, chunks=chunks, writes=self.writes)

    def landed(self, sent: Append, outcome: Appended) -> set[RunId]:
        """What was sent is in the log; the runs whose streams have something new."""
        kept, self._kept_flight = self._kept_flight, {}
        if not sent.chunks:
            return set()
        self.writes += 1
        self._quiet_at = self._loop.time() + QUIET_S
        refused = {Place(sent.chunks[place].run_id, sent.chunks[place].stream) for place in outcome.refused}
        self._closed |= refused | {piece.place for pieces in kept.values() for piece in pieces if piece.data is None}
        self._refused |= refused
        self._flight = ()
        leaving, self._leaving = self._leaving, ()
        for place, future in leaving:
            if not future.done():
                if place in self._refused:
                    future.set_exception(closed(place))
                else:
                    future.set_result(None)
        return {chunks.run_id for chunks in sent.chunks}

    def put_back(self) -> None:
        """What was sent was refused as a whole: it goes first the next time."""
        self._size += sum(len(piece.data or b"") for piece in self._flight)
        self._pieces, self._flight = [*self._flight, *self._pieces], ()
        self._kept, self._kept_flight = {**self._kept_flight, **self._kept}, {}
        self._drains, self._leaving = self._leaving + self._drains, ()

    def withdraw(self, key: str) -> None:
        """As `put_back`, but for what was kept for this step."""
        self._kept_flight.pop(key, None)
        self.put_back()

    def close(self) -> None:
        """The run leaves this worker: whoever still waits is told that nobody knows."""
        self._pieces.clear()
        self._kept.clear()
        for _, future in (*self._leaving, *self._drains):
            if not future.done():
                future.set_exception(WorldUnavailable("the run has left this worker"))
                future.exception()  # retrieved: its step is cancelled, and may not look
        self._leaving, self._drains = (), ()

    def _with_completions(self, append: Append, alone: bool) -> list[Piece]:
        """What was kept for the completions in this append. If that are all, nobody waits for the others' steps."""
        completed = [row.key for row in append.rows if row.type == StepCompleted.type]
        self._kept_flight = {key: self._kept.pop(key) for key in completed if key in self._kept}
        if not alone:
            self._kept = {}
        return [piece for pieces in self._kept_flight.values() for piece in pieces if piece.place not in self._closed]


def closed(place: Place) -> StreamClosed:
    return StreamClosed(place.run_id, place.stream or None)


def taken(chunks: Sequence[NewChunks], refused: Sequence[int]) -> int:
    """How many of these chunks their streams took; `refused`: the places of those that they didn't."""
    return sum(len(new.data) for place, new in enumerate(chunks) if place not in refused)


def _grouped(pieces: list[Piece]) -> list[NewChunks]:
    """Neighbours of one stream and attempt together."""
    groups: list[NewChunks] = []
    data: list[bytes] = []
    for number, piece in enumerate(pieces):
        if piece.data is not None:
            data.append(compressed(piece.data))
        after = pieces[number + 1] if number + 1 < len(pieces) else None
        if (
            piece.data is None
            or after is None
            or (after.place, after.step_id, after.attempt)
            != (
                piece.place,
                piece.step_id,
                piece.attempt,
            )
        ):
            groups.append(
                NewChunks(
                    run_id=piece.place.run_id,
                    stream=piece.place.stream,
                    data=tuple(data),
                    step_id=piece.step_id or None,
                    attempt=piece.attempt,
                    close=piece.data is None,
                )
            )
            data = []
    return groups
