"""Random things to ask of a World: mostly sensible, for a program that is only ever refused proves little."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.model.status import Status
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import LEASE_MS, letter_to, row, run_id, start_of
from perdure.world import Append, Lease, Letter, NewRow, Operation, RunFilter, RunRecord, Send, Start, World

T = TypeVar("T")

FLOWS = ("shop:fulfil", "shop:restock", "shop:refund")
WORKERS = tuple(WorkerId(f"wrkr_{number}") for number in range(3))
STATUSES: tuple[Status, ...] = ("pending", "running", "completed", "failed", "cancelled", "blocked")
_RUNS = 12
_KEYS = tuple(f"key {number}" for number in range(5))


class Dice(Random):
    """A seeded source of choices."""

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def maybe(self, probability: float, choices: Sequence[T]) -> T | None:
        return self.choice(choices) if self.chance(probability) else None


class Program:
    """Throws `dice`; looks at `world`, so that most of what it asks fits how things stand there."""

    def __init__(self, dice: Dice, clock: VirtualClock, world: World) -> None:
        self._dice = dice
        self._clock = clock
        self._world = world
        self._letters = 0

    async def operations(self) -> list[Operation]:
        """For one commit: some of them for one run, one after another."""
        operations: list[Operation] = []
        ahead: dict[RunId, int] = {}
        for _ in range(self._dice.choice((1, 1, 1, 2, 4))):
            kind = self._dice.random()
            if kind < 0.2:
                operations.append(self.start())
            elif kind < 0.35:
                operations.append(Send(letter=self._letter()))
            else:
                append = await self._append(ahead)
                ahead[append.run_id] = ahead.get(append.run_id, 0) + len(append.rows)
                operations.append(append)
        return operations

    def start(self) -> Start:
        return start_of(
            self._number(),
            workflow=self._dice.choice(FLOWS),
            owner=self._dice.maybe(0.7, WORKERS),
            wake_at_ms=self._moment() if self._dice.chance(0.2) else None,
            idempotency_key=self._dice.maybe(0.3, _KEYS),
            parent_id=run_id(self._number()) if self._dice.chance(0.2) else None,
            attributes={"phase": "new"} if self._dice.chance(0.3) else {},
        )

    def lease(self) -> Lease:
        workflows = tuple(self._dice.sample(FLOWS, 2))
        lease_ms = self._dice.choice((LEASE_MS, LEASE_MS // 10))
        return Lease(worker_id=self.worker(), lease_ms=lease_ms, process="p", workflows=workflows)

    def worker(self) -> WorkerId:
        return self._dice.choice(WORKERS)

    def flows(self) -> tuple[str, ...]:
        return tuple(self._dice.sample(FLOWS, self._dice.randint(1, 3)))

    def any_run(self) -> RunId:
        return run_id(self._number())

    def any_letter(self) -> MailId:
        return MailId(f"mail_{self._dice.randint(0, self._letters)}")

    def any_key(self) -> str:
        return self._dice.choice(_KEYS)

    def filter(self) -> RunFilter:
        return RunFilter(
            status=tuple(self._dice.sample(STATUSES, self._dice.randint(0, 3))),
            workflow=self._dice.maybe(0.3, FLOWS),
            since_ms=self._moment() if self._dice.chance(0.2) else None,
            until_ms=self._moment() if self._dice.chance(0.2) else None,
            attributes={"phase": "new"} if self._dice.chance(0.2) else {},
            parent_id=self.any_run() if self._dice.chance(0.2) else None,
            limit=self._dice.randint(1, _RUNS),
            before=self.any_run() if self._dice.chance(0.2) else None,
        )

    def pass_time(self) -> None:
        """Mostly a little, so that leases live for some steps; now and then past a lease, or back."""
        steps_ms = (0, 1, 5, 50, 300, LEASE_MS, -1, -20, -LEASE_MS // 2)
        self._clock.advance(self._dice.choices(steps_ms, (9, 9, 9, 9, 9, 2, 2, 2, 1))[0])

    async def _append(self, ahead: dict[RunId, int]) -> Append:
        run = await self._some_run()
        if run is None:
            return Append(run_id=self.any_run(), owner=self.worker(), epoch=1, seq=3, rows=(row(),))
        inbox = [letter.mail_id for letter in await self._world.read_mail(run.run_id)]
        taken = inbox if self._dice.chance(0.5) else self._dice.sample(inbox, self._dice.randint(0, len(inbox)))
        known = self._dice.chance(0.02) and self._letters
        rows = [row(mail_id=mail_id) for mail_id in taken if self._dice.chance(0.9)]
        rows += [row(mail_id=self.any_letter())] if known else self._rows()
        return self._around(run, run.length + ahead.get(run.run_id, 0) + 1, tuple(rows), tuple(taken))

    async def _some_run(self) -> RunRecord | None:
        """Mostly one that is there and owned."""
        if self._dice.chance(0.05):
            return await self._world.read_run(self.any_run())
        runs = (await self._world.list_runs(RunFilter(limit=100))).runs
        owned = [run for run in runs if run.owner is not None]
        return self._dice.choice(owned if owned and self._dice.chance(0.8) else runs) if runs else None

    def _around(self, run: RunRecord, seq: int, rows: tuple[NewRow, ...], taken: tuple[MailId, ...]) -> Append:
        plain = self._dice.chance(0.4)
        release = not plain and self._dice.chance(0.3)
        return Append(
            run_id=run.run_id,
            owner=run.owner if run.owner is not None and self._dice.chance(0.95) else self.worker(),
            epoch=run.epoch + (self._dice.chance(0.05) and self._dice.choice((-1, 1))),
            seq=seq + (self._dice.chance(0.05) and self._dice.choice((-1, 1))),
            rows=rows,
            mail_taken=taken,
            status=None if plain else self._dice.maybe(0.2, STATUSES),
            release=release,
            hand_back=release and self._dice.chance(0.3),
            wake_at_ms=self._moment() if self._dice.chance(0.5) else None,
            due_ms=self._moment() if not plain and self._dice.chance(0.2) else 0,
            letters=tuple(self._letter() for _ in range(2)) if not plain and self._dice.chance(0.2) else (),
            children=(self.start(),) if not plain and self._dice.chance(0.15) else (),
            attributes=self._changes() if not plain and self._dice.chance(0.2) else {},
            turn_completed=self._dice.chance(0.3),
            probation=not plain and self._dice.chance(0.3),
            seize=not plain and self._dice.chance(0.15),
        )

    def _rows(self) -> list[NewRow]:
        return [
            row(turn=self._dice.randint(0, 9), payload=self._dice.randbytes(9))
            for _ in range(self._dice.choice((0, 1, 1, 2, 3)))
        ]

    def _changes(self) -> dict[str, str | None]:
        return {"phase": self._dice.choice(("new", "old", None)), "step": self._dice.choice(("1", None))}

    def _letter(self) -> Letter:
        if self._dice.chance(0.8):
            self._letters += 1
        return letter_to(self._number(), f"mail_{self._letters}", payload=self._dice.randbytes(4))

    def _number(self) -> int:
        return self._dice.randint(1, _RUNS)

    def _moment(self) -> int:
        return self._clock() + self._dice.choice((-100, 0, 1, 40, LEASE_MS, LEASE_MS * 3))
