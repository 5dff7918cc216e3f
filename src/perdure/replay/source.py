"""Finds the line of the user's code that a request comes from."""

import asyncio
import sys
from pathlib import Path

_OURS = str(Path(__file__).parent.parent)
_ASYNCIO = str(Path(asyncio.__file__).parent)


def user_line() -> str | None:
    """`file:line` of the innermost frame that is neither perdure's nor asyncio's; None if there is none."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, _ASYNCIO, "<")):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return None
