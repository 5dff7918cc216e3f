"""The line of the user's code that a request comes from."""

import asyncio
import subprocess
import sys
from inspect import currentframe
from pathlib import Path

from perdure.replay import source
from perdure.replay.source import user_line
from tests.replay.driven import Driven


def here(back: int = 0) -> str:
    frame = currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return f"{__file__}:{frame.f_back.f_lineno + back}"


def test_it_is_the_innermost() -> None:
    def inner() -> str | None:
        return user_line()

    assert user_line() == here()
    assert inner() == here(-3)


def test_asyncio_and_perdure_are_no_users() -> None:
    lines: list[str | None] = []

    async def flow() -> None:
        asyncio.get_running_loop().call_soon(lambda: lines.append(user_line()))
        await asyncio.wait_for(asyncio.create_task(inner()), None)

    async def inner() -> None:
        lines.append(user_line())

    driven = Driven()
    driven.begin(flow())
    assert lines == [here(-8), here(-4)]
    driven.put_away()


def test_whoever_drives_the_body_is_no_user_of_it() -> None:
    """A task whose coroutine is one of perdure's has no line of its own: not that of the worker's program either."""
    found: dict[str, object] = {"lines": []}
    code = "from perdure.replay.source import user_line\nasync def ours(): lines.append(user_line())"
    exec(compile(code, str(Path(source.__file__).parent / "ours.py"), "exec"), found)

    async def flow() -> None:
        await asyncio.create_task(found["ours"]())

    driven = Driven()
    driven.begin(flow())
    assert found["lines"] == [None]
    driven.put_away()


def test_where_there_is_no_user_there_is_no_line() -> None:
    code = "import threading; from perdure.replay.source import user_line\n"
    code += "print(user_line())"  # of `python -c`: its file is '<string>'
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "None\n"


def test_a_folder_that_is_only_called_alike_is_a_users() -> None:
    file = str(Path(source.__file__).parent.parent) + "ful/app.py"
    found: dict[str, object] = {}
    exec(compile("from perdure.replay.source import user_line\nline = user_line()", file, "exec"), found)
    assert found["line"] == f"{file}:2"
