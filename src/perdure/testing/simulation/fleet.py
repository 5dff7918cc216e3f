"""The workers' processes: booted, replaced when they die, replaced all together in deploys."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from random import Random

from perdure.engine.deployment import deployment_of
from perdure.engine.registry import Registry
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import Process, Surroundings
from perdure.testing.simulation.program import QUEUE, Suite

SKEWS_MS = (0, 0, 0, -400, -40, 40, 400)
BOOT_MS = (1, 500)
VERSIONS = 3
QUEUES = (frozenset(("default",)), frozenset((QUEUE,)))
"""One role of each pair of workers: it may be played by one that serves all, too."""

EVERYTHING = 0.25
DEPLOYS = ((1, 2), (1, 0, 2), (1, 2, 0, 2))


@cache
def registry_of(suite: Suite, version: int) -> Registry:
    """What a process of this version can run."""
    return suite.registry(version)


@cache
def deployments_of(suite: Suite) -> dict[str, int]:
    """The versions by the name that logs know their deployments by."""
    return {deployment_of(registry_of(suite, version)): version for version in range(VERSIONS)}


class Fleet:
    """Every process of a simulation. `gone` is told of each worker's end, before it is buried.

    `version` is the code of the day, `deployed` whether it is the last. `skew_ms`: how far any worker's clock was off.
    `calm_us`: when the last worker went. `reboot_ms`: how long until another takes a dead one's place. `split`: workers
    share the queues among them, so that there must be two; else each serves all.
    """

    def __init__(
        self,
        around: Surroundings,
        suite: Suite,
        *,
        skewed: bool,
        reboot_ms: tuple[int, int],
        gone: Callable[[Process], None],
    ) -> None:
        self.random: Random = around.universe.random
        self.workers: list[Process] = []
        self.outsider = Process(around, "outsider", Registry(), works=False)
        self.version, self.deployed = 0, True
        self.skew_ms = self.calm_us = 0
        self._around, self._suite, self._skewed, self._reboot_ms, self._gone = around, suite, skewed, reboot_ms, gone
        self.split = False
        self._booted = 0
        self._dead: list[Process] = []
        self._roles: dict[str, int] = {}

    def anyone(self) -> Process:
        """A live worker's process, or the outsider."""
        return self.random.choice([*(worker for worker in self.workers if worker.engine is not None), self.outsider])

    def now_ms(self) -> int:
        return self._around.store.now_ms()

    def boot(self, role: int | None = None) -> None:
        """Start a worker's process with the code of the day. `role`: of the worker whose place it takes."""
        skew_ms = self.random.choice(SKEWS_MS) if self._skewed else 0
        self.skew_ms = max(self.skew_ms, abs(skew_ms))
        self._booted += 1
        registry = registry_of(self._suite, self.version)
        role = self._booted % len(QUEUES) if role is None else role
        queues = QUEUES[role] if self.split and self.random.random() >= EVERYTHING else None
        name = f"worker{self._booted}"
        worker = Process(self._around, name, registry, works=True, skew_ms=skew_ms, queues=queues)
        worker.died = partial(self._died, worker)
        self._roles[name] = role
        self.workers.append(worker)

    def kill_one(self) -> None:
        """Somebody dies, at no particular moment."""
        if self.workers:
            self.random.choice(self.workers).die()

    def replace_all(self, stopped: float) -> None:
        """Every worker goes, this part of them drained, the others killed; new ones come."""
        for worker in list(self.workers):
            promised, worker.replaced = worker.replaced, True
            if worker.engine is not None and self.random.random() < stopped:
                grace_s = self.random.choice((0.0, 0.3))
                self.outsider.loop.create_task(_stopped(worker, grace_s))
            else:
                self._around.faults.counts["kill"] += 1
                worker.die()
            if not promised:
                again = partial(self.boot, self._roles[worker.name])
                self._around.universe.after_ms(self.random.uniform(*BOOT_MS), again)

    def plan_deploys(self) -> None:
        """Other code comes, and goes again."""
        self.deployed = False
        at_ms, versions = self.random.uniform(200, 4000), self.random.choice(DEPLOYS)
        for number, version in enumerate(versions, 1):
            self._around.universe.after_ms(at_ms, partial(self._deploy, version, number == len(versions)))
            at_ms += self.random.uniform(100, 3000)

    def end(self) -> None:
        """Kill everybody, unheard; and bury those too who have died at this very moment."""
        for process in (*self._dead, *self.workers, self.outsider):
            process.died = lambda: None
            process.loop.kill()
            process.bury()

    def _deploy(self, version: int, last: bool) -> None:
        self.version, self.deployed = version, last
        self.replace_all(0.5)

    def _died(self, worker: Process) -> None:
        self.workers.remove(worker)
        self._dead.append(worker)
        self.calm_us = self._around.universe.now_us
        self._gone(worker)
        if not worker.replaced:
            self._around.universe.after_ms(
                self.random.uniform(*self._reboot_ms), partial(self.boot, self._roles[worker.name])
            )


async def _stopped(worker: Process, grace_s: float) -> None:
    """Drain a process; one that dies on the way is gone all the same."""
    with suppress(Died):
        await worker.stop(grace_s)
