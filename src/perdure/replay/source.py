"""Finds the line of the user's code that a request comes from."""

import asyncio
import os
import sys
from pathlib import Path

_OURS = str(Path(__file__).parent.parent) + os.sep  # with the separator: a user's `perdure_shop` lies beside it
_ASYNCIO = str(Path(asyncio.__file__).parent) + os.sep
_DRIVER = (__name__.rpartition(".")[0] + ".loop", "rest")  # below it the stack is the worker's


def user_line() -> str | None:
    """`file:line` of the innermost frame that is neither perdure's nor asyncio's; None if there is none."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and (frame.f_globals.get("__name__"), frame.f_code.co_name) != _DRIVER:
        name = frame.f_code.co_filename
        if not name.startswith((_OURS, _ASYNCIO, "<")):
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return None
