"""Streams as a World keeps them: chunks with contiguous indexes from 0, until the stream is closed."""

from msgspec import Struct

from perdure.model.ids import RunId, StepId

PAGE_BYTES = 4 * 1024 * 1024
"""A page ends with the chunk with which it holds so much, whatever its limit: a reader's memory is bounded."""


class NewChunks(Struct, frozen=True, gc=False, kw_only=True):
    """Chunks for the end of one stream, then (`close`) its end; a stream that isn't there is made, also without chunks.

    Refused alone (all of `data`, and `close`), the append going through, where the stream is closed or its run isn't
    there or isn't alive (pending, running, blocked). An append's own run is alive, also where a seizure makes it run
    again. `step_id` None: written by the body.
    """

    run_id: RunId
    stream: str
    data: tuple[bytes, ...] = ()
    step_id: StepId | None = None
    attempt: int = 0
    close: bool = False


class Chunk(Struct, frozen=True, gc=False, kw_only=True):
    """A chunk as it is kept."""

    index: int
    data: bytes
    step_id: StepId | None
    attempt: int


class StreamRecord(Struct, frozen=True, gc=False, kw_only=True):
    """A stream's row: `length` counts its chunks. One that nobody wrote is empty, and closed while its run has ended."""

    run_id: RunId
    stream: str
    length: int
    closed: bool

    def index_of(self, start: int) -> int:
        """Where a reader's start index lies; a negative one counts from the tail."""
        return max(0, self.length + start) if start < 0 else start


class StreamPage(Struct, frozen=True, gc=False, kw_only=True):
    """Some chunks of a stream, in order, read in one snapshot with its row. It may end early: see `PAGE_BYTES`."""

    record: StreamRecord
    chunks: tuple[Chunk, ...]
