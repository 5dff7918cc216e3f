"""Writes to streams from a body: part of its turn, and so exactly once."""

from msgspec import Raw

from perdure.errors import StreamClosed
from perdure.model.event import StreamClosed as StreamEnd
from perdure.model.event import StreamEpilogue, StreamWritten
from perdure.model.ids import RunId
from perdure.replay.body import Body


def write_stream(body: Body, run_id: RunId, stream: str, data: Raw) -> None:
    """Add an encoded chunk. Raises: StreamClosed where the body closed it before."""
    _check(body, run_id, stream)
    body.ask(body.key("write", stream), StreamWritten(stream=stream, data=data, run_id=_other(body, run_id)))


def close_stream(body: Body, run_id: RunId, stream: str) -> None:
    """Take nothing more. Raises: StreamClosed where the body closed it before."""
    _check(body, run_id, stream)
    body.ask(body.key("close", stream), StreamEnd(stream=stream, run_id=_other(body, run_id)))
    body.closed_streams |= {(run_id, stream)}


def write_at_end(body: Body, epilogue: StreamEpilogue) -> None:
    """Say which chunks the run's end writes. Raises: StreamClosed where the body closed the stream before."""
    _check(body, body.run_id, epilogue.stream)
    body.ask(body.key("epilogue", epilogue.stream), epilogue)


def _check(body: Body, run_id: RunId, stream: str) -> None:
    if (run_id, stream) in body.closed_streams:
        raise StreamClosed(run_id, stream or None)


def _other(body: Body, run_id: RunId) -> RunId | None:
    return None if run_id == body.run_id else run_id
