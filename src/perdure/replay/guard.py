"""The determinism guard: while a body runs on this thread, I/O raises DeterminismError instead of happening.

It decides which of Python's audit events are acts on the world, and which of those are nobody's doing: an import, a
traceback being formatted, a log line on its way out, an object being finalized. It sees only what Python audits: clocks
and randomness are the linter's business. It is no sandbox: it is here for people who forgot, not for people who try.

Python audits `time.sleep` from 3.13 on, and the start of a thread from 3.12 on. Before, the guard puts functions that
raise the same events in their place; a `from time import sleep` that came earlier keeps the old one, and is the
linter's business too.
"""

import _thread
import functools
import logging
import os
import reprlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import PurePath
from threading import get_ident
from types import FrameType
from typing import ParamSpec, TypeVar

from perdure.errors import DeterminismError

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger("perdure")

# https://docs.python.org/3/library/audit_events.html: of these modules, each event is an act.
_MODULES = frozenset({
    "fcntl", "ftplib", "glob", "http", "imaplib", "msvcrt", "nntplib", "os", "pathlib", "poplib", "pty", "shutil",
    "smtplib", "socket", "sqlite3", "subprocess", "syslog", "telnetlib", "tempfile", "urllib", "webbrowser", "winreg",
})  # fmt: skip
_EVENTS = frozenset({
    "_thread.start_joinable_thread", "_thread.start_new_thread", "builtins.input", "ctypes.dlopen", "mmap.__new__",
    "open", "resource.prlimit", "resource.setrlimit", "signal.pthread_kill", "time.sleep",
})  # fmt: skip

# Where an event reads better than as a call; {} is its subject.
_PHRASES = {
    "_thread.start_joinable_thread": "starting a thread",
    "_thread.start_new_thread": "starting a thread",
    "builtins.input": "input({})",
    "open": "opening a file ({})",
    "os.fork": "forking the process",
    "os.forkpty": "forking the process",
    "os.listdir": "listing a folder ({})",
    "os.posix_spawn": "starting a process ({})",
    "os.scandir": "listing a folder ({})",
    "os.system": "starting a process ({})",
    "socket.__new__": "opening a socket",
    "subprocess.Popen": "starting a process ({})",
    "urllib.Request": "opening a URL ({})",
}
_ADVICE = {
    "time.sleep": "await sleep(…) instead",
    "builtins.input": "do it in a step, or wait for a hook",
}

# What these modules do, they do on Python's behalf, or for a person who is looking.
_BEHIND_THE_SCENES = frozenset({
    "_frozen_importlib", "_frozen_importlib_external", "importlib._bootstrap", "importlib._bootstrap_external",
    "importlib.metadata", "zipimport", "zoneinfo", "zoneinfo._common",
    "linecache", "traceback", "warnings", "logging", "logging.handlers", "loguru._logger",
    "weakref", "bdb", "pdb",
})  # fmt: skip
_DRIVERS = frozenset({"perdure.replay.body", "perdure.replay.loop"})  # below them the stack is the worker's

_STDLIB = os.path.dirname(os.__file__) + os.sep
_PERDURE = os.path.dirname(os.path.dirname(__file__)) + os.sep

_TELL: tuple[type, ...] = (str, bytes, int, float, PurePath)  # arguments that say something to a person
_TELL_IN_SOCKETS: tuple[type, ...] = (*_TELL, tuple)  # addresses

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 100

_installed = False
guarded: set[int] = set()
"""The threads that run a body just now. Who adds to them has called `install`."""


@contextmanager
def guarding() -> Generator[None]:
    """A block that is guarded as a body is; it doesn't nest."""
    install()
    thread = get_ident()
    guarded.add(thread)
    try:
        yield
    finally:
        guarded.discard(thread)


def install() -> None:
    """Add the audit hook to this process, which can't be undone. A second call does nothing."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
        if sys.version_info < (3, 13):
            time.sleep = _audited("time.sleep", time.sleep)
        if sys.version_info < (3, 12):
            _thread.start_new_thread = _audited("_thread.start_new_thread", _thread.start_new_thread)
            setattr(threading, "_start_new_thread", _thread.start_new_thread)  # noqa: B010 - it has no public name
        os.register_at_fork(after_in_child=guarded.clear)  # a new thread may get the number of one that is gone


def _audited(event: str, function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def audited(*args: P.args, **kwargs: P.kwargs) -> R:
        if guarded:
            sys.audit(event, *args)
        return function(*args, **kwargs)

    return audited


def _hook(event: str, args: tuple[object, ...]) -> None:
    # Called for each audited event of the whole process: the first line is what the others pay.
    if not guarded or get_ident() not in guarded:
        return
    if event not in _EVENTS and event.partition(".")[0] not in _MODULES:
        return
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    if _is_behind_the_scenes(frame) or (event == "open" and _is_time_zone(args[0])):
        return
    error = DeterminismError(_what(event, args), _user_line(frame), _ADVICE.get(event, "do it in a step"))
    _LOG.warning("%s", error)  # even if the body catches it
    raise error


def _is_behind_the_scenes(frame: FrameType | None) -> bool:
    """Whether the body didn't mean the act: something between it and the act works behind the scenes."""
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module in _DRIVERS:
            return False
        if module in _BEHIND_THE_SCENES or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _is_time_zone(path: object) -> bool:
    """Whether `ZoneInfo(…)` reads its table: from C, so no frame tells. A zone is as good as a constant."""
    zoneinfo = sys.modules.get("zoneinfo")
    folders: tuple[str, ...] = zoneinfo.TZPATH if zoneinfo else ()
    return isinstance(path, str) and any(path.startswith(folder + os.sep) for folder in folders)


def _what(event: str, args: tuple[object, ...]) -> str:
    """The event in words, with its first argument that says something to a person."""
    tells = _TELL_IN_SOCKETS if event.startswith("socket.") else _TELL
    subject = next((arg for arg in args if isinstance(arg, tells)), None)
    if isinstance(subject, bytes | PurePath):
        subject = os.fsdecode(subject)
    told = "" if subject is None else _REPR.repr(subject)
    return _PHRASES.get(event, f"{event}({{}})").format(told).removesuffix(" ()")


def _user_line(nearest: FrameType) -> str:
    """`file:line` of the user's own code; else of an installed package's; else of whatever is nearest."""
    installed: FrameType | None = None
    frame: FrameType | None = nearest
    while frame is not None and frame.f_globals.get("__name__") not in _DRIVERS:
        file = frame.f_code.co_filename
        if f"{os.sep}site-packages{os.sep}" in file:
            installed = installed or frame
        elif not file.startswith((_STDLIB, _PERDURE, "<frozen ")):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    found = installed or nearest
    return f"{found.f_code.co_filename}:{found.f_lineno}"
