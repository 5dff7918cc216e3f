"""Frames of the user's own code: of what runs now, of what waits, of what was raised; the innermost is last."""

import gc
import os
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from opcode import opmap
from pathlib import Path
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, cast

from perdure.replay.loop import Loop

Place = tuple[FrameType, int]
"""A frame, and the line that it is at."""

NO_ERRORS = (StopIteration, StopAsyncIteration, GeneratorExit)
"""How coroutines and generators end: to a trace exceptions too."""

_STDLIB = os.path.dirname(os.__file__) + os.sep
_PERDURE = str(Path(__file__).parents[2]) + os.sep
_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_DRIVER = Loop.rest.__code__  # below it the stack is the debugger's
_RESUMABLE = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR
_YIELD, _RESUME = opmap["YIELD_VALUE"], opmap["RESUME"]
_WRAPPERS = frozenset({"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"})


def is_own(frame: FrameType) -> bool:
    """Whether it is neither perdure's nor Python's, nor a function that perdure calls (to decode what was recorded, say)."""
    file = frame.f_code.co_filename
    if file.startswith(_STDLIB) and not any(folder in file for folder in _PACKAGES):
        return False
    caller: FrameType | None = frame
    while caller is not None and not caller.f_code.co_filename.startswith(_PERDURE):
        if is_resumable(caller):
            return True
        caller = caller.f_back
    return caller is None or (caller is not frame and caller.f_code is _DRIVER)


def is_resumable(frame: FrameType) -> bool:
    """Whether it is a coroutine's or generator's."""
    return bool(frame.f_code.co_flags & _RESUMABLE)


def is_at_yield(frame: FrameType) -> bool:
    """At a return event: whether it only awaits; at a call: whether it has begun before."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return code[at] == _YIELD or (at > 1 and code[at] == _RESUME and code[at - 2] == _YIELD)


def running(frame: FrameType | None) -> list[Place]:
    """Of what runs, from this frame outwards."""
    found: list[Place] = []
    while frame is not None and frame.f_code is not _DRIVER:
        if is_own(frame):
            found.append((frame, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def waiting(coroutine: Any) -> list[Place]:
    """Of what a suspended coroutine awaits, and so on inwards. What awaits another task ends there."""
    found: list[Place] = []
    while coroutine is not None:
        frame = _first(coroutine, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None and is_own(frame):
            found.append((frame, frame.f_lineno))
        coroutine = _awaited(coroutine)
    return found


def raised(error: BaseException) -> list[Place]:
    """Down to the raise; of a group, to that of its first."""
    found: list[Place] = []
    trace = error.__traceback__
    while trace is not None:
        if is_own(trace.tb_frame):
            found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    if isinstance(error, BaseExceptionGroup):
        group = cast(BaseExceptionGroup[BaseException], error)
        found += raised(group.exceptions[0])
    return found


def _awaited(coroutine: Any) -> Any:
    found: Any = _first(coroutine, "cr_await", "gi_yieldfrom", "ag_await")
    if type(found).__name__ in _WRAPPERS:  # C's own, which hide what they wrap
        return next(filter(_is_suspended, gc.get_referents(found)), None)
    return found if _is_suspended(found) else None


def _is_suspended(awaited: object) -> bool:
    return isinstance(awaited, (CoroutineType, GeneratorType, AsyncGeneratorType))


def _first(coroutine: Any, *names: str) -> Any:
    return next((getattr(coroutine, name) for name in names if hasattr(coroutine, name)), None)
