"""Starting runs and following them, blocking. What runs are, and what each call means, is decided by `perdure.api`."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar, TypeVarTuple, overload

from typing_extensions import TypeForm

import perdure
from perdure.api.records import Listing as AsyncListing
from perdure.api.run import Run as AsyncRun
from perdure.model.status import Status
from perdure.sync.background import BACKGROUND
from perdure.sync.blocking import BlockingMethod, each

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")
Ts = TypeVarTuple("Ts")


class Listing(Generic[T]):
    """A list: iterate over all of it, or ask for one `page()`."""

    def __init__(self, name: str, listing: AsyncListing[T]) -> None:
        self._name, self._listing = name, listing

    def page(self) -> perdure.Page[T]:
        """The page at the listing's cursor."""

        async def page() -> perdure.Page[T]:
            return await self._listing

        return BACKGROUND.run(self._name, page)

    def __iter__(self) -> Iterator[T]:
        return each(self._name, self._listing)


class Run(Generic[R]):
    """One run, by its id; `as_async` is the handle for async code. Making one does no I/O."""

    def __init__(self, run: AsyncRun[R]) -> None:
        self.run_id, self.as_async = run.run_id, run

    def __repr__(self) -> str:
        return repr(self.as_async)

    result = BlockingMethod(AsyncRun[R].result)
    status = BlockingMethod(AsyncRun[R].status)
    info = BlockingMethod(AsyncRun[R].info)
    cancel = BlockingMethod(AsyncRun[R].cancel)
    wake_up = BlockingMethod(AsyncRun[R].wake_up)
    retry = BlockingMethod(AsyncRun[R].retry)
    repin = BlockingMethod(AsyncRun[R].repin)
    stream_info = BlockingMethod(AsyncRun[R].stream_info)

    def rerun(self, *, by: str | None = None) -> "Run[R]":
        """A new run with the same workflow and input. Raises: RunNotFound, UsageError."""
        return Run(BACKGROUND.run("Run.rerun", lambda: self.as_async.rerun(by=by)))

    def fork(
        self,
        from_step: str | None = None,
        *,
        input: Mapping[str, object] | None = None,
        outputs: Mapping[str, object] | None = None,
        by: str | None = None,
    ) -> "Run[R]":
        """A new run that goes on from before a step, with what was recorded by then. Raises: as `perdure.Run.fork`."""
        return Run(
            BACKGROUND.run("Run.fork", lambda: self.as_async.fork(from_step, input=input, outputs=outputs, by=by))
        )

    def events(self, cursor: str | None = None) -> Listing[perdure.EventInfo]:
        """As `perdure.Run.events`."""
        return Listing("Run.events", self.as_async.events(cursor))

    def steps(self) -> Listing[perdure.StepInfo]:
        """The run's steps, in the order of their calls."""
        return Listing("Run.steps", self.as_async.steps())

    def waits(self) -> Listing[perdure.WaitInfo]:
        """The run's sleeps and timeouts, in the order in which they began."""
        return Listing("Run.waits", self.as_async.waits())

    def hooks(self) -> Listing[perdure.HookInfo]:
        """The run's hooks, in the order of their creation."""
        return Listing("Run.hooks", self.as_async.hooks())

    def streams(self) -> Listing[perdure.StreamInfo]:
        """The run's streams that somebody wrote, by name."""
        return Listing("Run.streams", self.as_async.streams())

    def read_chunks(
        self, type: Any = Any, *, namespace: str | None = None, start_index: int = 0
    ) -> Iterator[perdure.Chunk[Any]]:
        """As `perdure.Run.read_chunks`: a plain iterator, which may be left at any time."""
        return each("Run.read_chunks", self.as_async.read_chunks(type, namespace=namespace, start_index=start_index))

    @overload
    def readable(self, *, namespace: str | None = None, start_index: int = 0) -> Iterator[Any]: ...
    @overload
    def readable(self, type: TypeForm[V], *, namespace: str | None = None, start_index: int = 0) -> Iterator[V]: ...
    def readable(self, type: Any = Any, *, namespace: str | None = None, start_index: int = 0) -> Iterator[Any]:
        """As `perdure.Run.readable`: a plain iterator, which may be left at any time."""
        return each("Run.readable", self.as_async.readable(type, namespace=namespace, start_index=start_index))


@overload
def start(
    workflow: Callable[[*Ts], Coroutine[Any, Any, R]], /, *args: *Ts, options: perdure.StartOptions
) -> Run[R]: ...
@overload
def start(workflow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
def start(workflow: Callable[..., Coroutine[Any, Any, R]], /, *args: Any, **kwargs: Any) -> Run[R]:
    """`perdure.start`, blocking: durable when it returns; the background thread's worker runs it."""
    return Run(BACKGROUND.run("start", lambda: perdure.start(workflow, *args, **kwargs)))


@overload
def get_run(run_id: str) -> Run[Any]: ...
@overload
def get_run(run_id: str, returns: TypeForm[R], /) -> Run[R]: ...
def get_run(run_id: str, returns: Any = Any) -> Run[Any]:
    """A handle on the run with this id; no I/O. `returns` is the type of its result. Raises: RunNotFound, if it is none."""
    return Run(perdure.get_run(run_id, returns))


def find_run(idempotency_key: str) -> Run[Any] | None:
    """The run that was started with this key, or None."""
    found = BACKGROUND.run("find_run", lambda: perdure.find_run(idempotency_key))
    return None if found is None else Run(found)


def list_runs(
    *,
    status: Status | None = None,
    workflow: perdure.Workflow[..., Any] | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: dict[str, str] | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Listing[perdure.RunInfo]:
    """As `perdure.list_runs`: iterate over all, or ask for a `page()` of at most `limit`."""
    listing = perdure.list_runs(
        status=status, workflow=workflow, since=since, until=until, attributes=attributes, limit=limit, cursor=cursor
    )
    return Listing("list_runs", listing)
