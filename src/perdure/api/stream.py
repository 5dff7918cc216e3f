"""Streams: how a run shows its progress to whoever follows it."""

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from msgspec import Raw

from perdure.api.options import check_text
from perdure.codec.trust import register_references
from perdure.codec.value import encode
from perdure.errors import NotInWorkflow, UsageError
from perdure.model.event import StreamEpilogue
from perdure.model.ids import RunId, is_run_id
from perdure.replay.body import Body, current_body
from perdure.replay.scope import Attempt, current_attempt
from perdure.replay.stream import close_stream, write_at_end, write_stream

if TYPE_CHECKING:  # for type checkers alone: it costs as much to import as all of the engine
    from typing_extensions import TypeForm

T = TypeVar("T")
NAMESPACE_CHARACTERS_MAX = 256
STRETCH_MAX = 64
"""So many chunks a step writes before it lets others run: less than a millisecond."""
HIDDEN = "~"
"""How the names of our own streams begin."""


class Writable(Generic[T]):
    """The writing end of a stream. It can be handed to steps and child runs; the stream stays its run's, and closes with it
    at the latest. `async with writable` drains at the end of the block. It has `run_id`, `namespace` (None: the default
    stream) and `atomic`.

    In a step, chunks are committed together with others within some 20 ms, the first behind a pause at once, all at the
    latest with the step's outcome; those of parallel steps lie in the order of their commits. Those of a failed
    attempt stay, and the next attempt's follow (`atomic` keeps them for the completion). In a workflow's body a write is
    part of the turn, and so happens exactly once. A body can't read a stream.
    """

    def __init__(self, run_id: str, namespace: str | None = None, *, atomic: bool = False) -> None:
        self.run_id, self.namespace, self.atomic = run_id, namespace, atomic
        self._id, self._stream = RunId(run_id), namespace or ""
        self._at_a_stretch = 0

    def __repr__(self) -> str:
        return f"<stream {self.namespace or 'default'} of {self.run_id}>"

    async def write(self, chunk: T) -> None:
        """Add a chunk: anything that can be an argument, bytes too. Raises: StreamClosed, EncodeError, NotInWorkflow."""
        data = encode(chunk, "chunk")
        where = _writer()
        if isinstance(where, Body):
            write_stream(where, self._id, self._stream, Raw(data))
        elif where.write(self._id, self._stream, data, kept=self.atomic):
            await where.drain(self._id, self._stream)
        else:
            self._at_a_stretch += 1
            if self._at_a_stretch == STRETCH_MAX:  # the worker's other runs, and what commits these, want to go on
                self._at_a_stretch = 0
                await asyncio.sleep(0)

    async def write_from(self, chunks: AsyncIterable[T] | Iterable[T]) -> None:
        """Add every chunk that the iterable, async or not, gives. Raises: StreamClosed, EncodeError, NotInWorkflow."""
        if isinstance(chunks, AsyncIterable):
            async for chunk in chunks:
                await self.write(chunk)
        else:
            for chunk in chunks:
                await self.write(chunk)

    async def drain(self) -> None:
        """Commit what this step has written, now. In a body: nothing, its turn is committed as a whole.

        Raises: StreamClosed where some of it was refused, WorldUnavailable.
        """
        where = _writer()
        if isinstance(where, Attempt) and not self.atomic:
            await where.drain(self._id, self._stream)

    async def close(self) -> None:
        """Take nothing more: readers come to the end. Raises: NotInWorkflow, StreamClosed where it was closed before."""
        where = _writer()
        if isinstance(where, Body):
            close_stream(where, self._id, self._stream)
        else:
            where.write(self._id, self._stream, None, kept=self.atomic)

    async def write_at_end(
        self, *, completed: Iterable[T] = (), failed: Iterable[T] = (), cancelled: Iterable[T] = ()
    ) -> None:
        """Say, in the body of the stream's own run, which chunks the run's end writes to it where it is `completed`,
        `failed` or `cancelled`.

        They are written in the transaction of the end, behind all others; by a forced end too, which the body doesn't see.
        The last call counts; without arguments the end writes nothing. Raises: NotInWorkflow, UsageError in another run,
        StreamClosed, EncodeError.
        """
        body = current_body()
        if body is None:
            raise NotInWorkflow("write_at_end", "only a workflow's body knows how its run goes on")
        if body.run_id != self._id:
            raise UsageError(f"write_at_end is for a run's own streams: this one is of run {self.run_id}")
        told = [tuple([Raw(encode(chunk, "chunk")) for chunk in chunks]) for chunks in (completed, failed, cancelled)]
        write_at_end(body, StreamEpilogue(stream=self._stream, completed=told[0], failed=told[1], cancelled=told[2]))

    async def __aenter__(self) -> "Writable[T]":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            await self.drain()


def _writer() -> Body | Attempt:
    where = current_body() or current_attempt()
    if where is None:
        raise NotInWorkflow("get_writable", "only a workflow and its steps write to streams")
    return where


@overload
def get_writable(*, namespace: str | None = None, atomic: bool = False) -> Writable[Any]: ...
@overload
def get_writable(type: "TypeForm[T]", *, namespace: str | None = None, atomic: bool = False) -> Writable[T]: ...
def get_writable(type: Any = Any, *, namespace: str | None = None, atomic: bool = False) -> Writable[Any]:
    """A stream of this run, to write to from its workflow or a step: `async with get_writable(Progress) as out: …`.

    `type` is for type checkers alone. `namespace` names further streams. With `atomic`, what a step writes is committed
    with its completion or not at all, so that a retried step shows nothing twice. The stream closes with the run. Raises:
    NotInWorkflow, UsageError.
    """
    where = _writer()
    return Writable(where.run_id, checked_namespace(namespace), atomic=atomic)


def checked_namespace(namespace: str | None) -> str | None:
    """Raises: UsageError."""
    check_text("namespace", namespace)
    if namespace is None:
        return None
    if not 0 < len(namespace) <= NAMESPACE_CHARACTERS_MAX or namespace.startswith(HIDDEN):
        raise UsageError(
            f"namespace={namespace!r} can't name a stream: give 1 to {NAMESPACE_CHARACTERS_MAX} characters, "
            f"the first not {HIDDEN!r}"
        )
    return namespace


def _to_text(writable: "Writable[Any]") -> str:
    return f"{writable.run_id}/{'atomic' if writable.atomic else ''}/{writable.namespace or ''}"


def _from_text(text: str) -> "Writable[Any]":
    run_id, atomic, namespace = text.split("/", 2)
    if not is_run_id(run_id):
        raise ValueError("it names no run")
    return Writable(run_id, namespace or None, atomic=bool(atomic))


register_references("writable", Writable, _to_text, _from_text)
