"""Child processes that can't outlive the demo: each ends when its standard input closes, whoever closes it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

GRACE_S = 10


class ChildFailed(Exception):
    """A child process ended by itself."""


@asynccontextmanager
async def child(
    module: str, *arguments: str, log: Path, environment: Mapping[str, str]
) -> AsyncIterator[tuple[Process, str]]:
    """Runs `python -m module` for the length of the block; gives the process and the first line that it printed.

    Raises: ChildFailed, with the end of its log, if it ends before it prints one.
    """
    with log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the demo, which then ends its children in order
        )
    assert process.stdin and process.stdout
    try:
        first_line = await process.stdout.readline()
        if not first_line:
            raise ChildFailed(f"{module} did not start:\n{end_of(log)}")
        yield process, first_line.decode().strip()
    finally:
        process.stdin.close()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def end_of(log: Path) -> str:
    """The last lines that a child wrote to its standard error."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
