"""A workflow's body in the making: machine, loop and coroutine, put together.

It takes turns (recorded completions, handed over one by one, the body running until it rests after each) and gives the
requests that the body made in answer. It does no I/O and knows no store; the engine commits what it gives.
"""

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from contextvars import Context
from typing import Any

from msgspec import Raw, Struct

from perdure.codec.failure import to_failure
from perdure.codec.value import encode
from perdure.core.divergence import Divergence, Show, cut
from perdure.core.fork import source_of
from perdure.core.history import Decision, History
from perdure.core.machine import Machine, Verdict
from perdure.core.place import Place
from perdure.errors import ArgumentsInvalid, DecodeError
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import (
    CancelRequested,
    Event,
    HookDisposed,
    HookExpired,
    HookReceived,
    Origin,
    PatchMarked,
    Request,
    RunCancelled,
    RunCompleted,
    RunFailed,
)
from perdure.model.ids import RunId
from perdure.replay.arguments import called
from perdure.replay.control import BodyClosed, BodyControl, BodyDiverged
from perdure.replay.hook import BodyHook
from perdure.replay.loop import REFUSALS_MAX, Loop
from perdure.replay.scope import SCOPE, Scope
from perdure.replay.source import user_line
from perdure.replay.wait import TimerWait

logger = logging.getLogger("perdure")
Ended = RunCompleted | RunFailed | RunCancelled
_NO_STREAMS: frozenset[tuple[RunId, str]] = frozenset()


class Answer(Struct):
    """What a body asks for while it runs: new requests, never to be split (T1), new patch marks, and the keys of
    requests that nobody waits for any more. Among the requests, in their place: hooks that it disposed, recorded or not.
    """

    requests: list[tuple[str, Request | HookDisposed]] = []
    marks: list[PatchMarked] = []
    released: list[str] = []


class Body(Scope):
    """One run's body in memory.

    After `begin` or `deliver` look at `divergence` (the run must be parked) and `end` (the fact that ends the run), and
    take the answer. `show`: how values look in what is said of a divergence; unless it is `cut`, neither they nor the texts
    of exceptions are for the process's log.
    """

    __slots__ = (
        "_answer", "_cancelling", "_discreet", "_history", "_input", "_main", "_refusals", "_running", "_waiting",
        "children", "closed_streams", "definition", "end", "hooks", "loop", "machine", "new_token", "origin", "run_id",
        "started_at_ms", "unfit_end",
    )  # fmt: skip

    def __init__(
        self,
        *,
        run_id: RunId,
        definition: WorkflowDefinition,
        input: Raw,
        history: History,
        new_token: Callable[[], str],
        show: Show = cut,
        origin: Origin | None = None,
    ) -> None:
        self.run_id, self.definition, self.new_token, self.origin = run_id, definition, new_token, origin
        self.machine, self._discreet = Machine(history, show), show is not cut
        self.loop = Loop(self, salt=int.from_bytes(source_of(run_id, origin, 0)[-8:].encode(), "big"))
        self._running = self.loop.running()
        self.children: dict[RunId, tuple[str, asyncio.Future[Any]]] = {}
        self.hooks: dict[str, BodyHook] = {}
        self.end: Ended | None = None
        self.unfit_end: Ended | None = None  # where the log has it otherwise
        self.started_at_ms = 0
        self._input, self._history = input, history
        self._main: asyncio.Task[bytes] | None = None
        self._waiting: dict[str, asyncio.Future[Any] | TimerWait] = {}
        self._answer = Answer()
        self.closed_streams = _NO_STREAMS
        self._cancelling = False
        self._refusals = 0

    # -- driven by the engine

    def begin(self) -> None:
        """Run turn 0, then every recorded turn; the log must hold run_started."""
        started = self._history.at_ms(0)
        assert started is not None, "L6: run_started is committed before the first activation"
        self.started_at_ms = self.loop.now_ms = started
        with self._running:
            context = Context()
            context.run(SCOPE.set, self)
            self._main = self.loop.create_main(self._run(), context)
            _rest(self)
            self._settle()
            decisions = deque(self._history.decisions())
            for turn in self._history.turns():
                told: list[Decision] = []
                while decisions and decisions[0].turn < turn:
                    told.append(decisions.popleft())
                self._turn(turn, self._history.deliveries(turn), told)
            if decisions:  # nobody has told the body yet: a turn of its own
                self._turn(self._history.next_turn, [], decisions)

    def deliver(self, turn: int, events: list[Event], decisions: Iterable[Decision] = ()) -> None:
        """One live turn: what the World decided, then its deliveries in log order, already committed."""
        with self._running:
            self._turn(turn, events, decisions)

    def take_answer(self) -> Answer:
        """What the body has asked for since the last call."""
        answer, self._answer = self._answer, Answer()
        return answer

    @property
    def divergence(self) -> Divergence | None:
        return self.machine.divergence

    def awaits(self, key: str) -> bool:
        """Whether somebody still waits for this request."""
        return key in self._waiting

    def put_away(self) -> None:
        """Throw the body away. The machine is closed first, so no cleanup step runs because a workflow merely slept."""
        self.machine.close()
        if not self.loop.is_closed():  # as it is where the body has ended
            with self._running:
                self.loop.put_away()
        self._waiting.clear()
        self.children.clear()
        self.hooks.clear()
        self._main = None

    # -- called by verbs, from inside the body

    def key(self, kind: str, name: str = "") -> str:
        """The key of the next request of this kind and name, by its place in the task tree."""
        return self.loop.current_place().key(kind, name)

    def ask(self, key: str, request: Request) -> None:
        """Make a request without waiting for anything. Raises control flow that user code shouldn't catch.

        Code that catches it all the same, and asks again, for ever, is let wait instead: for an answer that won't come.
        """
        verdict = self.machine.request(key, request, user_line)
        if verdict is Verdict.NEW:
            self._answer.requests.append((key, request))
        elif verdict is Verdict.CLOSED:
            self._refusals += 1
            if self._refusals <= REFUSALS_MAX:
                raise BodyClosed
        elif verdict is not Verdict.RECORDED:
            raise BodyDiverged

    def ask_for(self, key: str, request: Request) -> asyncio.Future[Any]:
        """Make a request; the future gets the fact that is delivered for it."""
        self.ask(key, request)
        self._waiting[key] = future = self.loop.create_future()
        return future

    def release(self, key: str) -> None:
        """Nobody waits for this request any more."""
        if self._waiting.pop(key, None) is not None:
            self.machine.release(key)
            self._answer.released.append(key)

    def dispose(self, key: str) -> None:
        """The hook under this key takes nothing more. A body that is put away keeps its hooks."""
        if not self.machine.closed:
            self.machine.release(key)
            self._answer.requests.append((key, HookDisposed()))

    def patched(self, name: str) -> bool:
        answer, new = self.machine.patched(name)
        if new:
            self._answer.marks.append(PatchMarked(name=name, answer=answer))
        return answer

    # -- inside

    async def _run(self) -> bytes:
        try:
            coroutine = called(self.definition, self._input)
        except (DecodeError, ArgumentsInvalid) as error:
            if self.machine.replaying:  # the log fits other parameters: park it for the code that has them (P9)
                self.machine.misfit(self._input, str(error))
                raise BodyDiverged from None
            raise
        if not self.definition.timeout_ms:
            return encode(await coroutine, "result")
        with closing(coroutine):  # which nobody awaits if the timeout is where the code doesn't fit the log
            async with asyncio.timeout(self.definition.timeout_ms / 1000):
                return encode(await coroutine, "result")

    def _turn(self, turn: int, events: list[Event], decisions: Iterable[Decision]) -> None:
        machine, loop = self.machine, self.loop
        if machine.closed:  # it has ended, or doesn't fit
            return
        if machine.replaying and turn >= self._history.last_turn:
            loop.prune()  # while it counts as replay: what failed unheard so far was reported in its own time
        machine.open_turn(turn)
        for decision in decisions:
            loop.now_ms = max(loop.now_ms, decision.at_ms)
            if decision.key in self.hooks:
                self.hooks[decision.key].decide(decision.owner)
                _rest(self)
        if events:
            loop.now_ms = max(loop.now_ms, events[0].at_ms)
        for event in events:
            if machine.deliver(event) is Verdict.DELIVER:
                self._hand(event)
                _rest(self)
        self._settle()

    def _settle(self) -> None:
        """The turn is over: has it gone as recorded, and has the body ended?"""
        if self.machine.replaying:
            self.machine.rest()
        main = self._main
        assert main is not None
        if not main.done():
            return
        if self.machine.finish() is not None or self.machine.divergence is not None:
            if main.cancelled() or not isinstance(main.exception(), BodyControl):
                self.unfit_end = _end_of(main, self._cancelling)
            return
        self.end = _end_of(main, self._cancelling)
        self.loop.put_away()

    def _hand(self, event: Event) -> None:
        fact, waiting = event.fact, self._waiting.pop(event.key, None)
        if waiting is not None:
            if isinstance(waiting, TimerWait):
                waiting.due()
            elif not waiting.done():
                waiting.set_result(fact)
        elif isinstance(fact, CancelRequested):
            if not self._cancelling and self._main is not None:
                self._cancelling = True
                self._main.cancel()
        elif isinstance(fact, HookReceived):
            if fact.rejected is None:
                self.hooks[event.key].put(fact.payload)
        elif isinstance(fact, HookExpired):
            self.hooks[event.key].expire()

    # -- asked for by its loop

    def open_timer(self, place: Place, due_ms: int, is_timeout: bool, /) -> TimerWait:
        """A durable wait for a timer of asyncio's."""
        wait = TimerWait(self, place.key("timeout" if is_timeout else "sleep"))
        self.ask(wait.key, wait.request(due_ms, is_timeout))
        self._waiting[wait.key] = wait
        return wait

    def log_error(self, context: dict[str, Any], /) -> None:
        """What asyncio says of a body's tasks (an exception that nobody retrieved), once: not in a replay."""
        if self.machine.replaying:
            return
        error, message = context.get("exception"), "a task of the workflow failed"
        if not self._discreet:
            logger.error("run %s: %s", self.run_id, context.get("message", message), exc_info=error)
        elif error is None:
            logger.error("run %s: %s", self.run_id, message)
        else:
            place = "".join(traceback.format_tb(error.__traceback__))
            logger.error("run %s: %s (%s)\n%s", self.run_id, message, type(error).__qualname__, place)


def _rest(body: Body) -> None:
    """Let it run until it rests."""
    try:
        body.loop.rest()
    except BodyControl:  # from a plain callback (a task keeps its own): nothing else of this body may run
        assert body.machine.closed, "T7: only a closed machine refuses"


def _end_of(main: "asyncio.Task[bytes]", cancelling: bool) -> Ended:
    """How the run ends when its main task has ended so."""
    if main.cancelled():
        if cancelling:
            return RunCancelled()
        return RunFailed(error=to_failure(asyncio.CancelledError("the workflow cancelled itself")))
    error = main.exception()
    return RunCompleted(result=Raw(main.result())) if error is None else RunFailed(error=to_failure(error))


def current_body() -> Body | None:
    """The body that the calling code belongs to, or None."""
    scope = SCOPE.get()
    return scope if isinstance(scope, Body) else None
