"""Random things to ask of a World: mostly sensible, for a program that is only ever refused proves little."""

from msgspec.structs import replace

from perdure.model.ids import MailId, RunId
from perdure.model.status import ENDED, Status
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.dice import FLOWS, KEYS, RUNS, TOKENS, WORKERS, Dice
from perdure.testing.conformance.sample import LEASE_MS, letter_to, row, run_id, send_to, start_of
from perdure.world import (
    Append,
    HookChange,
    HookClosing,
    HookRecord,
    HookReopening,
    Lease,
    Letter,
    NewHook,
    NewRow,
    Operation,
    RunFilter,
    RunRecord,
    Send,
    Start,
    World,
)

STATUSES: tuple[Status, ...] = ("pending", "running", "completed", "failed", "cancelled", "blocked")


class Program:
    """Throws `dice`; looks at `world`, so that most of what it asks fits how things stand there."""

    def __init__(self, dice: Dice, clock: VirtualClock, world: World) -> None:
        self._dice = dice
        self._clock = clock
        self._world = world
        self._letters = 0
        self._hooks: list[tuple[RunId, str]] = []  # that were asked for, by their keys

    async def operations(self) -> list[Operation]:
        """For one commit: some of them for one run, one after another."""
        operations: list[Operation] = []
        ahead: list[Append] = []
        for _ in range(self._dice.choice((1, 1, 1, 2, 4))):
            kind = self._dice.random()
            if kind < 0.2:
                operations.append(self.start())
            elif kind < 0.3:
                operations.append(Send(letter=self._letter(), owner=WORKERS[0]))
            elif kind < 0.4:
                operations.append(await self._send_to_hook())
            else:
                append = await self._append(ahead)
                ahead.append(append)
                operations.append(append)
        return operations

    def start(self) -> Start:
        return start_of(
            self._dice.number(),
            workflow=self._dice.choice(FLOWS),
            owner=self._dice.maybe(0.7, WORKERS),
            wake_at_ms=self._moment() if self._dice.chance(0.2) else None,
            idempotency_key=self._dice.maybe(0.3, KEYS),
            parent_id=run_id(self._dice.number()) if self._dice.chance(0.2) else None,
            attributes={"phase": "new"} if self._dice.chance(0.3) else {},
            pin=self._dice.deployment() if self._dice.chance(0.5) else "",
        )

    def lease(self) -> Lease:
        workflows = tuple(self._dice.sample(FLOWS, 2))
        lease_ms = self._dice.choice((LEASE_MS, LEASE_MS // 10))
        return Lease(worker_id=self._dice.worker(), lease_ms=lease_ms, process="p", workflows=workflows)

    def any_letter(self) -> MailId:
        return MailId(f"mail_{self._dice.randint(0, self._letters)}")

    def filter(self) -> RunFilter:
        return RunFilter(
            status=tuple(self._dice.sample(STATUSES, self._dice.randint(0, 3))),
            run_ids=tuple(self._dice.run() for _ in range(4)) if self._dice.chance(0.2) else (),
            workflow=self._dice.maybe(0.3, FLOWS),
            since_ms=self._moment() if self._dice.chance(0.2) else None,
            until_ms=self._moment() if self._dice.chance(0.2) else None,
            attributes={"phase": "new"} if self._dice.chance(0.2) else {},
            parent_id=self._dice.run() if self._dice.chance(0.2) else None,
            limit=self._dice.randint(1, RUNS),
            before=self._dice.run() if self._dice.chance(0.2) else None,
        )

    def pass_time(self) -> None:
        """Mostly a little, so that leases live for some steps; now and then past a lease, or back."""
        steps_ms = (0, 1, 5, 50, 300, LEASE_MS, -1, -20, -LEASE_MS // 2)
        self._clock.advance(self._dice.choices(steps_ms, (9, 9, 9, 9, 9, 2, 2, 2, 1))[0])

    async def _append(self, ahead: list[Append]) -> Append:
        run = await self._some_run()
        if run is None:
            return Append(run_id=self._dice.run(), owner=self._dice.worker(), epoch=1, seq=3, rows=(row(),))
        inbox = [letter.mail_id for letter in await self._world.read_mail(run.run_id)]
        taken = inbox if self._dice.chance(0.5) else self._dice.sample(inbox, self._dice.randint(0, len(inbox)))
        known = self._dice.chance(0.02) and self._letters
        rows = [row(mail_id=mail_id) for mail_id in taken if self._dice.chance(0.9)]
        rows += [row(mail_id=self.any_letter())] if known else self._dice.rows()
        earlier = [append for append in ahead if append.run_id == run.run_id]
        seq = run.length + sum(len(append.rows) for append in earlier) + 1
        append = self._around(run, seq, tuple(rows), tuple(taken))
        writes = run.writes + sum(bool(append.chunks) for append in earlier)
        return self._with_times(self._with_hooks(self._with_chunks(append, writes), run))

    def _with_chunks(self, append: Append, writes: int) -> Append:
        if self._dice.chance(0.7):
            return append
        chunks = tuple(self._dice.chunks(append.run_id) for _ in range(self._dice.randint(1, 3)))
        return replace(append, chunks=chunks, writes=writes + (self._dice.chance(0.05) and self._dice.choice((-1, 1))))

    def _with_hooks(self, append: Append, run: RunRecord) -> Append:
        """New ones with rows of their own, and what becomes of those that the run has or had."""
        if self._dice.chance(0.6) and run.status not in ENDED:
            return append
        mine = [key for run_id, key in self._hooks if run_id == run.run_id]
        changes: list[HookChange] = [HookClosing(key=key) for key in mine if self._dice.chance(0.2)]
        reopenings = 0.6 if run.status in ENDED else 0.03
        changes += [HookReopening(key=key) for key in mine if self._dice.chance(reopenings)]
        rows = append.rows
        for _ in range(self._dice.randint(0, 2)):
            changes.append(self._new_hook(run.run_id, len(rows)))
            rows = (*rows, row("hook_created", key=changes[-1].key))
        self._dice.shuffle(changes)
        return replace(append, rows=rows, hooks=tuple(changes), all_mail=self._dice.chance(0.1))

    def _with_times(self, append: Append) -> Append:
        if append.is_plain or self._dice.chance(0.9):
            return append
        return replace(append, times_ms=tuple(self._moment() for _ in append.rows))

    def _new_hook(self, run: RunId, place: int) -> NewHook:
        """Now and then with a key that the run may have."""
        key = f"0/hook#{len(self._hooks) - self._dice.chance(0.03)}"
        self._hooks.append((run, key))
        return NewHook(
            key=key,
            token_hash=self._dice.choice(TOKENS),
            row=place,
            webhook=self._dice.chance(0.3),
            expires_at_ms=self._moment() if self._dice.chance(0.4) else None,
        )

    async def _known_hooks(self) -> list[HookRecord]:
        """The open ones, and who had a token last."""
        last = [await self._world.hooks.find(token) for token in TOKENS]
        return [found.record for found in last if found is not None]

    async def _send_to_hook(self) -> Send:
        known = await self._known_hooks()
        if not known or self._dice.chance(0.1):
            return send_to(self._dice.number(), f"mail_{self._letters}")
        if self._dice.chance(0.8):
            self._letters += 1
        hook = self._dice.choice(known)
        letter = letter_to(mail=f"mail_{self._letters}", run_id=hook.run_id, kind="hook_received", key=hook.key)
        return Send(letter=letter, hook=hook.key, owner=WORKERS[0])

    async def _some_run(self) -> RunRecord | None:
        """Mostly one that is there and owned; now and then one that has ended."""
        if self._dice.chance(0.05):
            return await self._world.read_run(self._dice.run())
        runs = (await self._world.list_runs(RunFilter(limit=100))).runs
        owned = [run for run in runs if run.owner is not None]
        ended = [run for run in runs if run.status in ENDED]
        wanted = self._dice.choices((owned, ended, runs), (8, 1, 1))[0] or runs
        return self._dice.choice(wanted) if runs else None

    def _around(self, run: RunRecord, seq: int, rows: tuple[NewRow, ...], taken: tuple[MailId, ...]) -> Append:
        plain = self._dice.chance(0.4)
        retries = run.status in ENDED and self._dice.chance(0.7)
        release = not plain and self._dice.chance(0.3)
        return Append(
            run_id=run.run_id,
            owner=run.owner if run.owner is not None and self._dice.chance(0.95) else self._dice.worker(),
            epoch=run.epoch + (self._dice.chance(0.05) and self._dice.choice((-1, 1))),
            seq=seq + (self._dice.chance(0.05) and self._dice.choice((-1, 1))),
            rows=rows,
            mail_taken=taken,
            status="running" if retries else None if plain else self._dice.maybe(0.2, STATUSES),
            release=release,
            hand_back=release and self._dice.chance(0.3),
            wake_at_ms=self._moment() if self._dice.chance(0.5) else None,
            due_ms=self._moment() if not plain and self._dice.chance(0.2) else 0,
            letters=tuple(self._letter() for _ in range(2)) if not plain and self._dice.chance(0.2) else (),
            children=(self.start(),) if not plain and self._dice.chance(0.15) else (),
            attributes=self._dice.attributes() if not plain and self._dice.chance(0.2) else {},
            pin=self._dice.deployment() if not plain and self._dice.chance(0.2) else None,
            turn_completed=self._dice.chance(0.3),
            probation=not plain and self._dice.chance(0.3),
            seize=retries or (not plain and self._dice.chance(0.15)),
        )

    def _letter(self) -> Letter:
        if self._dice.chance(0.8):
            self._letters += 1
        return letter_to(self._dice.number(), f"mail_{self._letters}", payload=self._dice.randbytes(4))

    def _moment(self) -> int:
        return self._clock() + self._dice.choice((-100, 0, 1, 40, LEASE_MS, LEASE_MS * 3))
