"""The deterministic event loop: a real asyncio loop without selector, threads or I/O.

It has a deque of handles, a clock that the body sets, and timers that the body makes durable. It decides in which
order things run and where in the task tree each task stands; when a timer is due, and what is put on record, it leaves
to the body.
"""

import asyncio
import atexit
import sys
from asyncio import futures as asyncio_futures
from asyncio import tasks as asyncio_tasks
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from math import ceil, isfinite
from types import FrameType
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from perdure.core.place import Place
from perdure.errors import DurationInvalid
from perdure.replay.control import BodyClosed, BodyControl
from perdure.replay.running import Running
from perdure.replay.sealed import SealedLoop, refusal
from perdure.replay.task import Future, Handle, Task, abandon_generator, abandon_task, unawaited_is_silent

T = TypeVar("T")

REFUSALS_MAX = 1000
_PRUNE_STEP = 32
_WAKE_SLEEPER: object = asyncio_futures._set_result_unless_cancelled  # type: ignore[attr-defined]
_TASKS_FILE = asyncio.wait_for.__code__.co_filename
_WAIT_FOR = asyncio.wait_for.__code__
_ENSURE_FUTURE = tuple(
    function.__code__
    for function in (asyncio_tasks.ensure_future, getattr(asyncio_tasks, "_ensure_future", None))  # one since 3.12
    if function is not None
)
_unfinished: dict[int, "Loop"] = {}


class TimerRequest(Protocol):
    """A durable wait that the body opened for a timer."""

    def on_due(self, callback: Callable[[], None]) -> None:
        """Call this, at most once, when the wait has ended."""
        ...

    def release(self) -> None:
        """Nobody waits for it any more."""
        ...


class LoopOwner(Protocol):
    """The body that a loop runs."""

    def open_timer(self, place: Place, due_ms: int, is_timeout: bool, /) -> TimerRequest:
        """Make a durable wait; `is_timeout` is False for `asyncio.sleep` alone."""
        ...

    def log_error(self, context: dict[str, Any], /) -> None:
        """What asyncio reports: an exception that nobody retrieved."""
        ...


class Timer(asyncio.TimerHandle):
    """What `call_later` gives; `request` is None once the timer is due or cancelled."""

    __slots__ = ("request",)

    request: TimerRequest | None


class Loop(SealedLoop):
    """One body's event loop.

    `salt` must differ from run to run and be the same in every replay of one run. `now_ms` is set by the body at each
    turn.
    """

    __slots__ = (
        "_callbacks_place", "_future_number", "_generators", "_numbered", "_owner", "_prune_at", "_ready", "_resting",
        "_salt", "_tasks", "now_ms",
    )  # fmt: skip

    def __init__(self, owner: LoopOwner, *, salt: int) -> None:
        self.now_ms = 0
        self.thread = None
        self._salt = salt
        self._owner = owner
        self._ready: list[Any] = []  # handles; rest() reads their private fields, as asyncio's loops do
        self._resting = False
        self._callbacks_place: Place | None = None
        self.eager = False
        self._numbered, self._future_number = 0, salt  # the tasks made so far; the last future's number
        # Unfinished tasks, and some finished ones. Held here, because a forgotten task that the garbage collector finds
        # would run its `finally` blocks at a moment that no replay could repeat.
        self._tasks: list[Task[Any]] = []
        self._prune_at = _PRUNE_STEP
        self._generators: WeakKeyDictionary[AsyncGenerator[Any, Any], Context] | None = None

    # -- driven by the body

    def running(self) -> Running:
        """A context in which this is the thread's running loop, and the loop that runs there otherwise is hidden."""
        return Running(self)

    def create_main(self, coroutine: Coroutine[Any, Any, T], context: Context | None = None) -> Task[T]:
        """The main task, at the root of the task tree."""
        _unfinished[id(self)] = self
        return self._make_task(coroutine, Place(), "main", context)

    def rest(self) -> None:
        """Run what is ready, and what that makes ready, until nothing is.

        Raises: BodyControl, if a plain callback raised it; what was ready after that callback is ready still.
        """
        assert not self._resting, "a body runs until it rests: nothing in it may ask it to rest"
        self._resting = True
        try:
            while self._ready:  # not a queue: it would be half of a loop's memory
                handles, self._ready = iter(self._ready), []
                for handle in handles:
                    if handle._cancelled:
                        continue
                    try:  # not handle._run(), which would swallow BodyControl, and costs another call
                        handle._context.run(handle._callback, *handle._args)
                    except BodyControl:
                        self._ready[:0] = handles
                        raise
                    except BaseException as error:
                        if not _is_in_its_task(handle, error):
                            message = f"Exception in callback {handle!r}"
                            self.call_exception_handler({"message": message, "exception": error, "handle": handle})
        finally:
            self._resting = False
            handle = handles = None  # tracebacks may keep this frame: it must not keep their tasks

    def put_away(self) -> None:
        """Throw away what is unfinished. `finally` blocks run, as Python has it, but get nothing that they ask for.

        The caller closes the machine first, and calls this within `running()`. A second call does nothing.
        """
        assert self.thread is not None and not self._resting, "a body is put away at rest, with its loop running"
        _unfinished.pop(id(self), None)
        self.prune()  # an exception that nobody can retrieve any more is still reported
        self._owner = _Closed()
        self._ready = _Nothing()
        if self._tasks or self._generators:
            with unawaited_is_silent():
                while self._tasks:  # again, where a `finally` block made tasks
                    tasks, self._tasks = self._tasks, []
                    for task in tasks:
                        abandon_task(task)
                for generator, context in list((self._generators or {}).items()):
                    abandon_generator(generator, context)

    def current_place(self) -> Place:
        """The place in the task tree of the code that is running; `~` for plain callbacks."""
        task = asyncio.current_task(self)
        if type(task) is Task:
            return task.place
        if self._callbacks_place is None:
            self._callbacks_place = Place("~")
        return self._callbacks_place

    # -- called by asyncio, from inside the body

    def time(self) -> float:
        return self.now_ms / 1000

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, self, copy_context() if context is None else context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        return self.call_at(self.now_ms / 1000 + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Timer:
        """A durable timer. Raises: DurationInvalid, and whatever the owner's `open_timer` does."""
        if not isfinite(when):
            raise DurationInvalid(when, "it is not a finite number")
        # Rounded to µs first: the sum of a clock and a delay in seconds is off by less, which must not cost 1 ms.
        due_ms = ceil(round(when * 1000, 3))
        request = self._owner.open_timer(self.current_place(), due_ms, callback is not _WAKE_SLEEPER)
        timer = Timer(when, callback, args, self, context)
        timer.request = request
        request.on_due(partial(self._due, timer))
        return timer

    def _due(self, timer: Timer) -> None:
        timer.request = None
        self._ready.append(timer)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        assert isinstance(handle, Timer), "only call_at makes timers"
        request, handle.request = handle.request, None
        if request is not None:
            request.release()

    def create_future(self) -> Future[Any]:
        future: Future[Any] = Future(loop=self)
        self._future_number = future.number = self._future_number + 1
        return future

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> Task[T]:
        """A task at the next place under the one that makes it. `options`: what later Pythons add (`eager_start`)."""
        place = self.current_place()
        if not _made_by_wait_for(sys._getframe(1)):  # pyright: ignore[reportPrivateUsage]
            place = place.child()
        if self.eager:
            options.setdefault("eager_start", True)
        return self._make_task(coro, place, name, context, **options)

    def _make_task(
        self,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        place: Place,
        name: object,
        context: Context | None,
        **options: Any,
    ) -> Task[T]:
        self._numbered = number = self._numbered + 1
        # The salt: asyncio keeps all tasks of the process in one WeakSet. Were they numbered alike in every run, the
        # tasks of ten thousand runs would share one hash there, and each new one would be compared with all of them.
        task = Task(
            coroutine,
            loop=self,
            number=self._salt + number,
            place=place,
            name=f"Task-{number}" if name is None else str(name),  # asyncio's own counts all tasks of the process
            context=copy_context() if context is None else context,
            **options,
        )
        self._tasks.append(task)
        if len(self._tasks) >= self._prune_at:
            self.prune()
        return task

    def prune(self) -> None:
        """Let go of finished tasks: asyncio reports those whose exception nobody can retrieve any more."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self._prune_at = 2 * len(self._tasks) + _PRUNE_STEP

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), BodyControl):
            self._owner.log_error(context)

    def is_closed(self) -> bool:
        return isinstance(self._owner, _Closed)

    def begun(self, generator: AsyncGenerator[Any, Any]) -> None:
        """An async generator begins."""
        if self._generators is None:
            self._generators = WeakKeyDictionary()
        self._generators[generator] = copy_context()


def _is_in_its_task(handle: Any, error: BaseException) -> bool:
    """asyncio stores SystemExit and KeyboardInterrupt in the task that raised them, and raises them once more."""
    owner = getattr(handle._callback, "__self__", None)
    return isinstance(error, SystemExit | KeyboardInterrupt) and isinstance(owner, asyncio.Task)


def _made_by_wait_for(frame: FrameType | None) -> bool:
    """Whether a task is the one that asyncio.wait_for makes before Python 3.12.

    It stands at its parent's place and takes no number, so that a Python upgrade changes no key.
    Raises: DeterminismError, if asyncio.as_completed makes it.
    """
    if frame is None or frame.f_code not in _ENSURE_FUTURE:
        return False
    while frame is not None and frame.f_code in _ENSURE_FUTURE:
        frame = frame.f_back
    if frame is None:
        return False
    code = frame.f_code
    if code.co_filename == _TASKS_FILE and code.co_qualname.startswith(("as_completed", "_AsCompleted")):
        raise refusal("making tasks in the order of a set (asyncio.as_completed)", "use perdure.as_completed")
    return code is _WAIT_FOR


class _Closed:
    """Who owns a loop that is put away: nobody. Code that asks it for a timer, catches the refusal, and asks again, for
    ever, is let wait instead."""

    __slots__ = ("_refusals",)

    def __init__(self) -> None:
        self._refusals = 0

    def log_error(self, _context: dict[str, Any]) -> None: ...

    def open_timer(self, _place: Place, _due_ms: int, _is_timeout: bool) -> TimerRequest:
        self._refusals += 1
        if self._refusals <= REFUSALS_MAX:
            raise BodyClosed
        return _Never()


class _Never:
    """A wait that doesn't end."""

    def on_due(self, callback: Callable[[], None]) -> None: ...

    def release(self) -> None: ...


class _Nothing(list[Any]):
    """What is ready on a loop that is put away: it takes everything, and keeps nothing."""

    __slots__ = ()

    def append(self, _handle: Any) -> None: ...


@atexit.register
def _put_away_the_rest() -> None:
    """Bodies that a process leaves behind at its exit.

    Python would end their coroutines one by one outside of their contexts, and a step in a `finally` block would think
    itself outside of a run, and act. What they ask for here goes to machines whose answers nobody commits.
    """
    for loop in list(_unfinished.values()):
        if not loop.is_running():
            with loop.running():
                loop.put_away()
