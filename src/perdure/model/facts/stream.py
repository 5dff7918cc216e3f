"""What a body wrote to streams; the chunks of steps lie beside the log."""

from typing import ClassVar

from msgspec import Raw

from perdure.model.facts.fact import Fact
from perdure.model.ids import RunId


class StreamWritten(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body wrote a chunk to a stream, its own run's unless `run_id` says otherwise."""

    type: ClassVar[str] = "stream_written"

    data: Raw
    stream: str = ""
    run_id: RunId | None = None


class StreamClosed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body closed a stream."""

    type: ClassVar[str] = "stream_closed"

    stream: str = ""
    run_id: RunId | None = None


class StreamEpilogue(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body said which chunks the run's end writes to a stream of its own, by how it ends; the last word counts."""

    type: ClassVar[str] = "stream_epilogue"

    stream: str = ""
    completed: tuple[Raw, ...] = ()
    failed: tuple[Raw, ...] = ()
    cancelled: tuple[Raw, ...] = ()
