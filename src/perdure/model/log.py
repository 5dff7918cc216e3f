"""What a step logs: the record that is kept of a line, the stream that has it, and the levels of Python's logging."""

from typing import Literal

from msgspec import Struct

LOG = "~log"
"""The stream of a run that holds the lines of its steps."""

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LEVELS: dict[str, int] = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
NEVER = 1 << 30
"""A level that no record reaches."""


class Line(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One line, as a chunk's JSON has it; step id and attempt lie beside the chunk.

    `at_ms` is the worker's clock's. `level_name` where it isn't the usual one of that number. `exception` is the text of a
    traceback. `dropped`: so many more of that attempt were not kept.
    """

    at_ms: int
    level: int
    level_name: str = ""
    logger: str
    step: str
    message: str
    exception: str | None = None
    dropped: int = 0
