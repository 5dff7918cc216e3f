"""What the steps log: records of Python's logging become lines in the run's stream of them, while an attempt asks for it.

A line never fails or holds up its step: it is handed to the worker's loop, and committed with whatever comes next. What
gets here is what the process's logging lets through: the levels of its loggers decide first. An attempt keeps so many
lines and bytes, then counts.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import msgspec

from perdure.model.log import LEVELS, Line
from perdure.replay.scope import SCOPE, Attempt

LINES_MAX = 1000
BYTES_MAX = 256 * 1024
TEXT_MAX = 8 * 1024
"""Characters of a message, and of a traceback."""
NAME_MAX = 200
_FORMATTER = logging.Formatter()


class Capture:
    """One attempt's lines: taken in any thread, one at a time, and written (`write`) on the worker's loop, in order.

    `call_soon`: that loop's `call_soon_threadsafe`.
    """

    __slots__ = (
        "_bytes_left", "_call_soon", "_dropped", "_ended", "_level", "_lines", "_lines_left", "_step", "_under_way", "_write",
    )  # fmt: skip

    def __init__(self, call_soon: Callable[..., object], write: Callable[[bytes], None], step: str, level: int) -> None:
        self._call_soon, self._write, self._step, self._level = call_soon, write, step, level
        self._lines: deque[bytes] = deque()
        self._lines_left, self._bytes_left, self._dropped = LINES_MAX, BYTES_MAX, 0
        self._under_way = self._ended = False
        HANDLER.begin(level)

    def take(self, record: logging.LogRecord) -> None:
        """Keep what the record says now: its arguments may change."""
        if self._ended or record.levelno < self._level:
            return
        line = msgspec.json.encode(line_of(record, self._step))
        if self._dropped or not self._lines_left or len(line) > self._bytes_left:
            self._dropped += 1
            return
        self._lines_left -= 1
        self._bytes_left -= len(line)
        self._lines.append(line)
        if not self._under_way:
            self._under_way = True
            with suppress(RuntimeError):  # the loop has ended
                self._call_soon(self._flush, context=Context())  # not the step's: what this does is none of its lines

    def end(self) -> None:
        """The attempt is over, on the worker's loop: what is left is written, and how many weren't kept."""
        HANDLER.end()
        self._ended = True
        self._flush()
        if self._dropped:
            message = (
                f"{self._dropped} more were not kept: an attempt keeps {LINES_MAX} lines, of {BYTES_MAX} bytes in all"
            )
            self._write(
                msgspec.json.encode(
                    Line(
                        at_ms=time.time_ns() // 1_000_000,
                        level=logging.WARNING,
                        logger="perdure",
                        step=self._step,
                        message=message,
                        dropped=self._dropped,
                    )
                )
            )

    def _flush(self) -> None:
        self._under_way = False  # first: what comes from now on asks anew
        while self._lines:
            self._write(self._lines.popleft())


def line_of(record: logging.LogRecord, step: str) -> Line:
    """What is kept of a record. The end of a traceback says most, the beginning of a message."""
    exception = "\n".join(filter(None, (_traceback(record), record.stack_info)))
    return Line(
        at_ms=int(record.created * 1000),
        level=record.levelno,
        level_name="" if LEVELS.get(record.levelname) == record.levelno else _text(record.levelname, NAME_MAX),
        logger=_text(record.name, NAME_MAX),
        step=step,
        message=_text(_message(record), TEXT_MAX),
        exception="…" * (len(exception) > TEXT_MAX) + _text(exception[-TEXT_MAX:], TEXT_MAX) if exception else None,
    )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # arguments that don't fit it: other handlers complain of that
        return f"{record.msg!r}, with what doesn't fit into it ({type(error).__name__}: {error})"


def _traceback(record: logging.LogRecord) -> str | None:
    if record.exc_text or not record.exc_info:
        return record.exc_text
    return _FORMATTER.formatException(record.exc_info)


def _text(text: str, most: int) -> str:
    """Cut, and such as UTF-8 can have."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return cut if cut.isascii() else cut.encode(errors="backslashreplace").decode()


class Handler(logging.Handler):
    """The process's one. It hangs on the root logger only while an attempt with a `Capture` runs: `logging.basicConfig`
    does nothing where it finds a handler, and Python's last resort, for processes that set up nothing, is silent then.

    In such a process nobody has said what the root logger lets through: then the attempts say it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._counting = threading.Lock()
        self._levels: tuple[int, int] | None = None  # the root logger's own, and what it was lowered to

    def begin(self, level: int) -> None:
        """One more attempt, which keeps what is logged from this level on."""
        root = logging.getLogger()
        with self._counting:
            if not self._count and not root.handlers:
                self._levels = (root.level, root.level)
            self._count += 1
            root.addHandler(self)  # again, where somebody has set up logging meanwhile
            if self._levels is not None and level < root.level == self._levels[1]:
                root.setLevel(level)
                self._levels = (self._levels[0], level)

    def end(self) -> None:
        """One less."""
        root = logging.getLogger()
        with self._counting:
            self._count -= 1
            if self._count:
                return
            root.removeHandler(self)
            if self._levels is not None and root.level == self._levels[1] != self._levels[0]:
                root.setLevel(self._levels[0])
            self._levels = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            scope = SCOPE.get()
            if isinstance(scope, Attempt):
                scope.logged(record)
        except Exception:  # of the record's own code
            self.handleError(record)
        last_resort = logging.lastResort
        if last_resort is not None and record.levelno >= last_resort.level and self._is_alone(record):
            last_resort.handle(record)

    def _is_alone(self, record: logging.LogRecord) -> bool:
        """Whether nobody else hears of it, so that without this handler the last resort would."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


HANDLER = Handler()
