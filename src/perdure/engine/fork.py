"""A fork: a new run that goes on from before a step of another, with what that one had recorded by then.

It is a start and a seizure in one commit: there is no moment at which the run exists without its prefix. Before that today's
code is tried on it, so that no fork begins that would be parked.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from perdure.codec.arguments import encode_arguments
from perdure.codec.fact import pack, unpack
from perdure.codec.failure import to_failure
from perdure.codec.value import decode, encode
from perdure.core.divergence import Show, cut
from perdure.core.fork import Prefix, attributes_of, called_step, outcome_of, prefix_of
from perdure.core.hook import shown
from perdure.core.pending import OpenHook, Pending
from perdure.core.transitions import advance
from perdure.engine.append import new_hook
from perdure.engine.engine import FENCE_MS, NO_STEPS, Engine, NewRun
from perdure.engine.hook import takes_payloads
from perdure.engine.log import read_log
from perdure.engine.registry import Registry
from perdure.engine.resolve import BACKOFF_S
from perdure.engine.seal import sealed
from perdure.engine.seizure import NOBODY
from perdure.errors import ArgumentsInvalid, DecodeError, UsageError, WorldUnavailable
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import Event, RunCreated, RunStarted, StepCreated
from perdure.model.failure import Failure
from perdure.model.ids import RunId, step_id, token_hash
from perdure.model.status import Status
from perdure.replay.arguments import by_name, read_arguments
from perdure.replay.trial import outside_of_tasks, trial
from perdure.world.hook import NewHook
from perdure.world.log import NewRow
from perdure.world.operation import Append, Operation

HINT = "what was recorded after an output that you change has to fit it: go on from that output instead"
logger = logging.getLogger("perdure")


class Change(NamedTuple):
    """What is to be otherwise in a fork: arguments of the workflow, and what steps come to, by id or name: a result, or an
    exception."""

    arguments: Mapping[str, object] = {}
    outputs: Mapping[str, object] = {}


async def fork(engine: Engine, run_id: RunId, step: str | None, change: Change, by: str | None = None) -> RunId:
    """Start a run with what this one had recorded before it called the step (None: before it went on from the last output
    that is changed), and with its arguments, but for the change.

    Raises: RunNotFound, PayloadLocked, WorkflowNotRegistered, StepNotRegistered, EncodeError, ArgumentsInvalid, UsageError
    where there is no such step, or what comes before it can't be taken over: then nothing was written.
    """
    log, events = await engine.log(run_id)
    created = events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    if created.step is not None:
        raise UsageError(f"run {run_id} is a step of run {created.parent_id}: fork that")
    definition = engine.registry.workflow(created.workflow)
    behind, edits = _planned(engine.registry, run_id, events, step, change.outputs)
    prefix = prefix_of(run_id, events, behind, edits)
    new = NewRun(
        workflow=created.workflow,
        input=_edited(created, definition, change.arguments),
        attributes=attributes_of(log.run.attributes, prefix),
        by=by,
        epilogues=created.epilogues,
        forked_from=prefix.origin,
    )
    what = f"run {run_id} can't be forked from {step_id(run_id, behind.key)}"
    return await _start(engine, new, events[0], prefix, what)


async def _start(engine: Engine, new: NewRun, created: Event, prefix: Prefix, what: str) -> RunId:
    """`created`: the first event of the run that it is forked from."""
    fork_id = engine.entropy.run_id(engine.world.now_ms())
    with engine.telemetry.start(new.workflow) as starting:
        start = replace(engine.start_of(fork_id, new, starting.trace), owner=None)
        begun = [replace(created, fact=unpack(RunCreated.type, start.created)), *prefix.events]
        await _check_fit(engine, fork_id, new, begun, what)
        hooks = Pending(begun).hooks
        await _check_tokens(engine, hooks, what)
        append = _takeover(fork_id, prefix, hooks)
        if hooks:  # nobody claims it before it is known that it has them
            append = replace(append, wake_at_ms=engine.world.now_ms() + FENCE_MS)
        await _commit(engine, (start, append))
        starting.found(fork_id, created=True)
        started = [event for event in begun if isinstance(event.fact, RunStarted)]
        engine.telemetry.run(fork_id, starting.trace, begun, NO_STEPS).landed(started)  # nobody else will
    if hooks:
        await _check_hooks(engine, fork_id, what, new.by)
        await engine.committer.submit(replace(append, epoch=1, rows=(), times_ms=(), hooks=(), wake_at_ms=None))
    if engine.worker is not None:
        engine.worker.sweeper.due_at(0)
    return fork_id


def _planned(
    registry: Registry, run_id: RunId, events: list[Event], step: str | None, outputs: Mapping[str, object]
) -> tuple[Event, dict[str, Raw | Failure]]:
    """The call, or else the last outcome that is edited, behind which the fork goes on; and the edits by key.

    Raises: UsageError, StepNotRegistered, EncodeError.
    """
    calls = [called_step(run_id, events, name) for name in outputs]
    outcomes = [outcome_of(run_id, events, call) for call in calls]
    edits = {call.key: _output(registry, call, output) for call, output in zip(calls, outputs.values(), strict=True)}
    if step is not None:
        return called_step(run_id, events, step), edits
    if not outcomes:
        raise UsageError("from where it is to be forked isn't said: give a step to fork from, or outputs to go on from")
    return max(outcomes, key=lambda outcome: outcome.turn), edits


def _output(registry: Registry, call: Event, output: object) -> Raw | Failure:
    assert isinstance(call.fact, StepCreated), "a call of a step"
    if isinstance(output, BaseException):
        return to_failure(output)
    step = registry.step(call.fact.name)
    result = Raw(encode(output, "output"))
    try:
        decode(result, step.returns, "output")
    except DecodeError as error:
        raise UsageError(f"this is no output of step {step.name}: {error.path}: {error.reason}") from None
    return result


def _edited(created: RunCreated, definition: WorkflowDefinition, edits: Mapping[str, object]) -> bytes:
    """The input with these arguments in place of the recorded ones. Raises: ArgumentsInvalid, EncodeError."""
    unknown = [name for name in edits if name not in definition.signature.parameters]
    if unknown:
        raise ArgumentsInvalid(definition.name, f"it has no parameter {', '.join(map(repr, unknown))}")
    recorded = by_name(definition, created.input)
    arguments = msgspec.json.decode(recorded, type=dict[str, Raw])
    arguments |= msgspec.json.decode(encode_arguments(edits), type=dict[str, Raw])
    input = msgspec.json.encode(arguments) if edits else bytes(created.input)
    read_arguments(definition, Raw(input))
    return input


async def _check_fit(engine: Engine, fork_id: RunId, new: NewRun, begun: list[Event], what: str) -> None:
    definition = engine.registry.workflow(new.workflow)
    edited = new.forked_from is not None and new.forked_from.edited
    show: Show = cut if engine.keys is None else lambda _: "…"
    found = await outside_of_tasks(lambda: trial(fork_id, begun, definition, show=show))
    if found is not None:
        raise UsageError(f"{what}: {found.sentence()}{f'; {HINT}' if edited else ''}")


async def _check_tokens(engine: Engine, hooks: Mapping[str, OpenHook], what: str) -> None:
    """The fork needs the tokens of the hooks that are open in its prefix."""
    now_ms = engine.world.now_ms()
    for open in hooks.values():
        held = await engine.world.hooks.find(token_hash(open.hook.token))
        if held is not None and takes_payloads(held.record, now_ms):
            raise _taken(what, held.record.run_id, open)


async def _check_hooks(engine: Engine, fork_id: RunId, what: str, by: str | None) -> None:
    """Somebody may have taken a token since it was looked for: a fork without its hooks is ended at once."""
    log = await read_log(engine.world, fork_id)
    holder = next((row.decided for row in log.rows if row.decided is not None), None)
    if holder is not None:
        await engine.cancel(fork_id, "another run took the token of one of its hooks", 0, by)
        raise UsageError(f"{what}: run {holder} has just taken the token of one of its hooks; try again")


def _taken(what: str, holder: RunId, open: OpenHook) -> UsageError:
    return UsageError(
        f"{what}: run {holder} holds the token of its {shown(open.hook)}; cancel that run, or fork from a step before that"
    )


def _takeover(fork_id: RunId, prefix: Prefix, hooks: Mapping[str, OpenHook]) -> Append:
    """The append of the prefix; then anybody may claim the run. Mail ids are left out: its letters were another's."""
    status: Status = "pending"
    rows: list[NewRow] = []
    registered: list[NewHook] = []
    for place, event in enumerate(prefix.events):
        status = advance(status, event.fact)
        rows.append(NewRow(turn=event.turn, type=event.fact.type, key=event.key, payload=pack(event.fact)))
        open = hooks.get(event.key)
        if open is not None and event.fact is open.hook:
            registered.append(new_hook(place, event.key, open.hook))
    return Append(
        run_id=fork_id,
        owner=NOBODY,
        epoch=0,
        seq=2,
        rows=tuple(rows),
        times_ms=tuple(event.at_ms for event in prefix.events),
        hooks=tuple(registered),
        status=status,
        seize=True,
    )


async def _commit(engine: Engine, operations: tuple[Operation, ...]) -> None:
    """All or nothing. A second try is harmless: the start finds its run, and the seizure of epoch 0 is refused."""
    if engine.keys is not None:
        operations = tuple(sealed(operation, engine.keys) for operation in operations)
    wait_s = BACKOFF_S[0]
    while True:
        try:
            await engine.world.commit(operations)
            return
        except WorldUnavailable as error:
            logger.warning("a fork's answer was lost, trying again in %.2f s: %s", wait_s, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, BACKOFF_S[1])
