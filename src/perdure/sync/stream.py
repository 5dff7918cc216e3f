"""Streams for sync steps. A chunk is handed over on the loop of the step's worker; where it goes from there, and what a
late attempt hears, is decided by the engine."""

from collections.abc import AsyncIterable, Iterable
from typing import Any, Generic, Self, TypeVar, overload

from typing_extensions import TypeForm

import perdure
from perdure.api.stream import Writable as AsyncWritable
from perdure.codec.trust import register_stand_in
from perdure.sync.background import BACKGROUND
from perdure.sync.blocking import BlockingMethod

T = TypeVar("T")


class Writable(Generic[T]):
    """The writing end of a stream, for a sync step: `with get_writable(Progress) as out: …`. Leaving the block drains.

    A parameter of a sync step that is annotated as this gets one, whichever of the two it was handed. `as_async` is the
    one for async code, and what this is made from.
    """

    def __init__(self, writable: AsyncWritable[T]) -> None:
        self.run_id, self.namespace, self.atomic = writable.run_id, writable.namespace, writable.atomic
        self.as_async = writable

    def __repr__(self) -> str:
        return repr(self.as_async)

    write = BlockingMethod(AsyncWritable[T].write)
    drain = BlockingMethod(AsyncWritable[T].drain)
    close = BlockingMethod(AsyncWritable[T].close)
    write_at_end = BlockingMethod(AsyncWritable[T].write_at_end)

    def write_from(self, chunks: Iterable[T] | AsyncIterable[T]) -> None:
        """Add every chunk that the iterable gives; one that is async is iterated on the worker's loop, another here.

        Raises: as `write`.
        """
        if isinstance(chunks, AsyncIterable):
            BACKGROUND.run("Writable.write_from", lambda: self.as_async.write_from(chunks))
        else:
            for chunk in chunks:
                self.write(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            self.drain()


register_stand_in(Writable, AsyncWritable, wrap=Writable, unwrap=lambda writable: writable.as_async)


@overload
def get_writable(*, namespace: str | None = None, atomic: bool = False) -> Writable[Any]: ...
@overload
def get_writable(type: TypeForm[T], *, namespace: str | None = None, atomic: bool = False) -> Writable[T]: ...
def get_writable(type: Any = Any, *, namespace: str | None = None, atomic: bool = False) -> Writable[Any]:
    """As `perdure.get_writable`, to write to from a sync step. Raises: NotInWorkflow, UsageError."""
    return Writable(perdure.get_writable(type, namespace=namespace, atomic=atomic))
