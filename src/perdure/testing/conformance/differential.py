"""Two Worlds do the same random things under one clock: every answer, and all that they keep, must be the same.

That finds what nobody thought to write down as a check. A seed reproduces a failure.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.dice import FLOWS, KEYS, STREAMS, TOKENS, WORKERS, Dice
from perdure.testing.conformance.program import Program
from perdure.testing.conformance.sample import LEASE_MS
from perdure.world import Claim, HookFilter, RunFilter, WorkerRecord, World

_Question = Callable[[World], Awaitable[Any]]


async def compare(left: World, right: World, clock: VirtualClock, seed: int, steps: int = 200) -> None:
    """Both Worlds open and empty, both with `clock`. `left` is the one that is believed.

    Raises: AssertionError, with the seed, the step, what was asked and both answers.
    """
    dice = Dice(seed)
    program = Program(dice, clock, left)
    for step in range(steps):
        program.pass_time()
        name, question = await _question(dice, program)
        await _ask(left, right, question, f"seed {seed}, step {step}: {name}")
        if step % 20 == 19 or step == steps - 1:
            await _ask(left, right, everything_kept, f"seed {seed}, after step {step}")


async def everything_kept(world: World) -> list[Any]:
    """All that a World can be asked about."""
    found: list[Any] = [[_told(worker) for worker in await world.workers()], await world.next_due_ms(FLOWS)]
    for worker in WORKERS:
        found += [_by_run(await world.owned(worker)), _by_run(await world.owned(worker, with_mail=True))]
    found += [await world.hooks.find(token) for token in TOKENS]
    found.append(await world.hooks.list(HookFilter(limit=10_000)))
    for record in (await world.list_runs(RunFilter(limit=10_000))).runs:
        found.append((record, await world.read_log(record.run_id), await world.read_mail(record.run_id)))
        found.append(await world.streams.list(record.run_id))
        found += [await world.streams.read(record.run_id, stream, 0, 10_000) for stream in STREAMS]
    return found


async def _ask(left: World, right: World, question: _Question, what: str) -> None:
    expected, answer = await _answer(left, question), await _answer(right, question)
    if isinstance(expected, list) and isinstance(answer, list):
        for one, other in zip(cast(list[Any], expected), cast(list[Any], answer), strict=False):
            assert one == other, f"{what}\nexpected {one}\ngot      {other}"
    assert expected == answer, f"{what}\nexpected {expected}\ngot      {answer}"


async def _answer(world: World, question: _Question) -> Any:
    try:
        return await question(world)
    except Exception as error:
        if isinstance(error, NotImplementedError | AttributeError):
            raise
        return "raised"


async def _question(dice: Dice, program: Program) -> tuple[str, _Question]:
    kind = dice.choices(("commit", "own", "read"), (6, 3, 1))[0]
    if kind == "commit":
        operations = await program.operations()

        async def commit(world: World) -> Any:
            return await world.commit(operations)

        return f"commit {operations}", commit
    questions = _owning(program, dice) if kind == "own" else _reading(program, dice)
    return dice.choice(questions)


def _owning(program: Program, dice: Dice) -> list[tuple[str, _Question]]:
    lease, worker, run, died = program.lease(), dice.worker(), dice.run(), dice.chance(0.5)
    ended_for_ms, limit = dice.choice((-1, 0, 50, LEASE_MS)), dice.choice((1, 2, 100))
    claim = Claim(worker_id=worker, workflows=dice.flows(), limit=100, deployment=dice.deployment())

    async def claiming(world: World) -> Any:
        return _by_run(await world.claim(claim))

    async def reclaiming(world: World) -> Any:
        record = await world.read_run(run)
        return record and record.owner and await world.reclaim(record.owner, run, record.epoch)

    return [
        (f"beat {lease}", lambda world: world.beat(lease)),
        (f"beat {lease}", lambda world: world.beat(lease)),
        (f"retire {worker} died={died}", lambda world: world.retire(worker, died=died)),
        (f"{claim}", claiming),
        (f"{claim}", claiming),
        (f"reclaim {run}", reclaiming),
        (f"prune {ended_for_ms} {limit}", lambda world: world.retention.prune(ended_for_ms, limit)),
    ]


def _reading(program: Program, dice: Dice) -> list[tuple[str, _Question]]:
    run, letter, key, filter, flows, deployment = (
        dice.run(),
        program.any_letter(),
        dice.choice(KEYS),
        program.filter(),
        dice.flows(),
        dice.deployment(),
    )
    token, hooks, stream, (first, limit) = (
        dice.choice(TOKENS),
        dice.hook_filter(),
        dice.choice(STREAMS),
        dice.place(),
    )
    return [
        (f"read_log {run}", lambda world: world.read_log(run, 3)),
        (f"read_log {run} {first} {limit}", lambda world: world.read_log(run, first, limit=limit)),
        (f"hooks.find {token}", lambda world: world.hooks.find(token)),
        (f"{hooks}", lambda world: world.hooks.list(hooks)),
        (f"streams.read {run} {stream!r} {first} {limit}", lambda world: world.streams.read(run, stream, first, limit)),
        (f"streams.list {run}", lambda world: world.streams.list(run)),
        (f"has_mail {run} {letter}", lambda world: world.has_mail(run, letter)),
        (f"find_run {key}", lambda world: world.find_run(key)),
        (f"{filter}", lambda world: world.list_runs(filter)),
        (f"next_due_ms {flows} {deployment}", lambda world: world.next_due_ms(flows, deployment)),
    ]


def _told(worker: WorkerRecord) -> Any:
    """Of a worker whose lease is over, a World need only know which runs it left behind."""
    return worker if worker.leased else (worker.worker_id, worker.runs)


def _by_run(found: list[Any]) -> list[Any]:
    """The order of claims is not promised where the times are the same."""
    return sorted(found, key=lambda each: each.run_id)
