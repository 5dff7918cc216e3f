"""Several worker processes under one: it starts those again that die, hands signals on, and does nothing else.

The first process goes ahead: what keeps it from working would keep the others too, so its exit code is the supervisor's.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence

import click

from perdure.cli.human import counted, span
from perdure.cli.leash import DRAIN, HURRY, WORKS

logger = logging.getLogger("perdure")
SIGNALS = (signal.SIGTERM, signal.SIGINT)
FAILED = 1
PAUSES_S = (1.0, 30.0)
"""Before a process is started again: at first, and at most. It doubles from one death to the next."""

LONG_S = 60.0
"""Who has lived for so long has died of something new."""


class Held:
    """A process, and this end of its leash."""

    def __init__(self, process: asyncio.subprocess.Process, line: socket.socket) -> None:
        self.process, self._line = process, line
        self._began_at = asyncio.get_running_loop().time()

    async def works(self) -> bool:
        """Whether it has begun to work; False: it has ended before."""
        try:
            return await asyncio.get_running_loop().sock_recv(self._line, 1) == WORKS
        except ConnectionError:
            return False

    async def ended(self) -> int:
        """Its exit code, or the negative number of the signal that killed it."""
        code = await self.process.wait()
        self._line.close()
        return code

    def lived_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_at

    def order(self, word: bytes) -> None:
        try:
            self._line.send(word)
        except OSError:  # it has ended
            return

    def kill(self) -> None:
        try:
            self.process.kill()
        except ProcessLookupError:
            return


class Supervisor:
    """Of processes of one command; `--leash FD` is added to it. For one event loop, whose signals it takes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._held: set[Held] = set()
        self._signals = 0
        self._stopping = asyncio.Event()
        self._code = 0
        for number in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    async def run(self, count: int) -> int:
        """Keep so many at work until a signal comes, and all have ended; the exit code."""
        first = await self._start()
        if not await first.works():
            code = await first.ended()
            return FAILED if code < 0 else code
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(first))
            for _ in range(count - 1):
                group.create_task(self._keep(await self._start()))
            click.echo(f"{counted(count, 'worker')} at work", err=True)
        click.echo("all drained", err=True)
        return self._code

    async def _keep(self, held: Held) -> None:
        """This process, and those that follow it."""
        pause_s = PAUSES_S[0]
        while True:
            code = await held.ended()
            self._held.discard(held)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            if self._stopping.is_set():
                if code != 0:
                    self._code = FAILED
                    logger.error("process %d %s before it was drained", held.process.pid, how)
                return
            if held.lived_s() >= LONG_S:
                pause_s = PAUSES_S[0]
            logger.error("process %d %s: another begins in %s", held.process.pid, how, span(round(pause_s * 1000)))
            if await self._stops_within(pause_s):
                return
            pause_s = min(2 * pause_s, PAUSES_S[1])
            held = await self._start()

    async def _start(self) -> Held:
        line, its_end = socket.socketpair()
        line.setblocking(False)
        with its_end:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "--leash",
                str(its_end.fileno()),
                pass_fds=(its_end.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,  # what a terminal sends to its own group is for the supervisor alone
            )
        held = Held(process, line)
        self._held.add(held)
        if self._stopping.is_set():  # while it was started
            held.order(DRAIN)
        return held

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    def _signalled(self) -> None:
        """The first drains, the second hurries, from the third on they are killed."""
        self._signals += 1
        if self._signals == 1:
            click.echo(f"draining {counted(len(self._held), 'worker')}; a second signal ends that at once", err=True)
            self._stopping.set()
        for held in list(self._held):
            if self._signals > 2:
                held.kill()
            else:
                held.order(DRAIN if self._signals == 1 else HURRY)


async def supervise(words: Sequence[str], count: int) -> int:
    """Run `perdure` with these words in so many processes, until a signal comes; the exit code."""
    return await Supervisor([sys.executable, "-m", "perdure", *words]).run(count)
