"""Clients: who starts runs, and cancels, wakes, forks and retries them, insisting until the World has answered."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Protocol, TypeVar

from perdure.codec.arguments import encode_arguments
from perdure.engine.deployment import ANY
from perdure.engine.engine import Engine, NewRun
from perdure.errors import UsageError, WorldError
from perdure.model.event import Fact
from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.simulation.forker import Forked, Forker
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.program import ARGUMENT, Program
from perdure.testing.simulation.reader import Reader, Reading
from perdure.testing.simulation.sender import Sender, Sent

T = TypeVar("T")
AGAIN_S = 0.06
LOOK_S = 0.4
GRACES_MS = (None, None, None, 0, 300, 1200)


class Asked(Protocol):
    """A process that does something for a client."""

    async def ask(self, job: Callable[[Engine], Awaitable[T]]) -> T:
        """Raises: what the job raises; Died, where the process is gone meanwhile."""
        ...


class Fleet(Protocol):
    """The processes that a client can ask."""

    random: Random

    def anyone(self) -> Asked:
        """Any that lives."""
        ...

    def now_ms(self) -> int: ...

    @property
    def deployed(self) -> bool:
        """Whether the last code version has been deployed."""
        ...


@dataclass
class Story:
    """What a client did, and was told. `run_id` is set once its start was acknowledged.

    `graces`: those of the cancels that it asked for. `told`: the end that it was told. `done`: it has seen it all.
    `sent`: the payloads that it sent to hooks; `readings`: what it read of streams; `forks`: those that it asked for.
    """

    program: Program
    run_id: RunId | None = None
    due_ms: int | None = None
    graces: list[int | None] = field(default_factory=list[int | None])
    woken: int = 0
    retried: int = 0
    refused: list[str] = field(default_factory=list[str])
    sent: list[Sent] = field(default_factory=list[Sent])
    readings: list[Reading] = field(default_factory=list[Reading])
    forks: list[Forked] = field(default_factory=list[Forked])
    told: Fact | None = None
    done: bool = False


class Client:
    """One client with one run."""

    def __init__(self, fleet: Fleet, number: int, story: Story, *, quiet: bool) -> None:
        self._fleet, self._number, self.story, self._quiet = fleet, number, story, quiet
        self._random = fleet.random

    async def live(self) -> None:
        """Start the run, meddle with it, and wait for its end."""
        story, program = self.story, self.story.program
        if not self._quiet:
            await asyncio.sleep(self._random.uniform(0, 1.5))
        run_id = story.run_id = await self._start()
        meddlers = [self._follow(run_id)]
        if self._random.random() < program.cancel and (not self._quiet or program.cancel == 1):
            meddlers.append(self._cancel(run_id))
        if program.wakes and not self._quiet:
            meddlers.append(self._wake(run_id))
        if program.repins and not self._quiet:
            meddlers.append(self._repin(run_id))
        if program.forks and not self._quiet:
            meddlers.append(Forker(self._insist, self._random, story.forks).live(run_id))
        if program.retries or program.versions or program.crashes or program.indigestible:
            meddlers.append(self._retry(run_id))
        await self._beside(run_id, meddlers)
        story.done = True

    async def _beside(self, run_id: RunId, meddlers: Sequence[Awaitable[None]]) -> None:
        """Meddle, and meanwhile send payloads to the run's hooks and follow its streams, where it has any."""
        if not (self.story.program.tokens or self.story.program.streams):
            await asyncio.gather(*meddlers)
            return
        over = asyncio.ensure_future(self._over(run_id, meddlers))
        await asyncio.gather(over, *self._correspond(run_id, over.done))

    async def _over(self, run_id: RunId, meddlers: Sequence[Awaitable[None]]) -> None:
        """Until all is done; a run that waits for payloads must have come to its end by then, or be parked."""
        await asyncio.gather(*meddlers)
        while self.story.program.tokens:
            log, _ = await self._insist(lambda engine: engine.log(run_id))
            if log.run.status in ENDED or log.run.status == "blocked":
                return
            await asyncio.sleep(LOOK_S)

    def _correspond(self, run_id: RunId, over: Callable[[], bool]) -> list[Awaitable[None]]:
        """Until the run is over."""
        story, random = self.story, self._random
        both: list[Awaitable[None]] = []
        if story.program.tokens:
            tokens = tuple(token.format(run_id=run_id) for token in story.program.tokens)
            sender = Sender(self._insist, random, self._fleet.now_ms, self._number, story.sent, quiet=self._quiet)
            both.append(sender.live(tokens, over))
        reader = Reader(self._insist, random, story.readings, quiet=self._quiet)
        both += [reader.live(run_id, stream, over) for stream in story.program.streams]
        return both

    async def _start(self) -> RunId:
        if not self._quiet and self._random.random() < 0.1:
            self.story.due_ms = self._fleet.now_ms() + self._random.randrange(200, 1500)
        new = NewRun(
            workflow=self.story.program.name,
            input=encode_arguments({"given": ARGUMENT}),
            idempotency_key=f"start {self._number}",
            due_ms=self.story.due_ms,
        )
        return (await self._insist(lambda engine: engine.start(new))).run_id

    async def _follow(self, run_id: RunId) -> None:
        """Wait for the end; that of a run which may be retried, or is parked for now, isn't the last."""
        program = self.story.program
        if not (program.retries or program.versions or program.crashes or program.indigestible):
            self.story.told = await self._insist(lambda engine: engine.end(run_id))

    async def _cancel(self, run_id: RunId) -> None:
        if self.story.program.cancel == 1:
            await asyncio.sleep(self._random.uniform(0.3, 2))
        elif self.story.due_ms is None or self._random.random() < 0.3:
            await asyncio.sleep(self._random.expovariate(1.2))
        while True:
            grace_ms = self._random.choice(GRACES_MS[3:] if self.story.program.forced else GRACES_MS)
            self.story.graces.append(grace_ms)
            await self._insist(partial(_cancel, run_id, grace_ms))
            if self._random.random() < 0.6:
                return
            await asyncio.sleep(self._random.uniform(0, 0.5))

    async def _wake(self, run_id: RunId) -> None:
        for _ in range(self._random.randrange(1, 4)):
            await asyncio.sleep(self._random.uniform(0.1, 2.5))
            self.story.woken += await self._insist(lambda engine: engine.wake_up(run_id))

    async def _repin(self, run_id: RunId) -> None:
        """For a while only workers that aren't there may have it: whoever had it loses it."""
        await asyncio.sleep(self._random.uniform(0.1, 2.5))
        for deployment in ("elsewhere", ANY):
            while not await self._moved(run_id, deployment):
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(self._random.uniform(0, 0.5))

    async def _moved(self, run_id: RunId, deployment: str) -> bool:
        """True also where it has ended. False: it is on the move itself."""
        try:
            await self._insist(lambda engine: engine.repin(run_id, deployment))
        except UsageError:
            return (await self._insist(lambda engine: engine.log(run_id, 1_000_000)))[0].run.status in ENDED
        return True

    async def _retry(self, run_id: RunId) -> None:
        """Retry what has failed or is parked: as often as the program has it, and where code was to blame, till it fits."""
        program, tries_after_deploys = self.story.program, 0
        while True:
            await asyncio.sleep(LOOK_S)
            status = (await self._insist(lambda engine: engine.log(run_id, 1_000_000)))[0].run.status
            if status in ("completed", "cancelled"):
                return
            if status == "failed" and self.story.retried >= program.retries:
                return
            if status == "blocked":
                if not program.versions or tries_after_deploys > 2:
                    return
                tries_after_deploys += self._fleet.deployed
            if status in ENDED or status == "blocked":
                try:
                    await self._insist(lambda engine: engine.retry(run_id))
                    self.story.retried += status == "failed"
                except UsageError as error:
                    self.story.refused.append(str(error))
                    if status == "failed":
                        return

    async def _insist(self, job: Callable[[Engine], Awaitable[T]]) -> T:
        """Ask, until somebody answers."""
        while True:
            try:
                return await self._fleet.anyone().ask(job)
            except (Died, WorldError):
                await asyncio.sleep(AGAIN_S)


def _cancel(run_id: RunId, grace_ms: int | None, engine: Engine) -> Awaitable[bool]:
    return engine.cancel(run_id, "enough", grace_ms)
