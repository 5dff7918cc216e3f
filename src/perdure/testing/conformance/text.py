"""Texts and bytes: whatever they hold (but lone surrogates, which are no text), they come back the same."""

from perdure.model.ids import MailId, RunId, StepId, WorkerId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    LEASE_MS,
    Check,
    append_to,
    beat,
    born,
    chunks_of,
    do,
    done,
    hook_of,
    hook_with,
    letter_to,
    log_of,
    registering,
    row,
    run_id,
    send_to,
    sent,
    start_of,
    texts_of,
    writing,
)
from perdure.world import Claim, HookClosing, HookFilter, Lease, Refusal, Refused, RunFilter, Send, Sent, World

HOSTILE = "a\0b'c\"d;--\\ %_*\n\t\r<x>&\u202e\U0001f600\uffffé{}[]$1 ?1 :n"
BYTES = bytes(range(256)) * 3

_RUN = RunId("wrun_" + HOSTILE)
_WORKER = WorkerId("wrkr_" + HOSTILE)
_FLOW = "flow:" + HOSTILE

LONG = "é" * 1000
_NAMES = (HOSTILE, LONG, HOSTILE[:1], "a\0", "%", "_", "")
"""Cut at NUL, or taken as a pattern, some of these would be the same."""


async def hostile_runs_come_back_the_same(world: World, clock: VirtualClock) -> None:
    start = start_of(
        run_id=_RUN,
        workflow=_FLOW,
        created=BYTES,
        idempotency_key=HOSTILE,
        parent_id=RunId(HOSTILE),
        root_id=RunId(HOSTILE + "2"),
        attributes={HOSTILE: HOSTILE, "": ""},
        deployment=HOSTILE,
        pin=HOSTILE,
    )
    await do(world, start)
    log = await world.read_log(_RUN)
    assert log is not None
    run = log.run
    assert (run.run_id, run.workflow, run.idempotency_key, run.deployment, run.pin) == (_RUN, _FLOW, *[HOSTILE] * 3)
    assert (run.parent_id, run.root_id, run.attributes) == (HOSTILE, HOSTILE + "2", {HOSTILE: HOSTILE, "": ""})
    assert log.rows[0].payload == BYTES
    assert await world.find_run(HOSTILE) == run
    for found in (
        RunFilter(attributes={HOSTILE: HOSTILE}),
        RunFilter(workflow=_FLOW),
        RunFilter(parent_id=RunId(HOSTILE)),
        RunFilter(prefix=_RUN[:-1]),
    ):
        assert (await world.list_runs(found)).runs == (run,)


async def hostile_texts_are_told_apart(world: World, clock: VirtualClock) -> None:
    """Cut at NUL, or taken as a pattern, these would be the same."""
    await do(
        world, start_of(run_id=_RUN, workflow=_FLOW, idempotency_key="k\0one", attributes={"a": "b\0one", "%": "x"})
    )
    assert await world.find_run("k") is None
    assert await world.find_run("k\0two") is None
    assert await world.read_run(RunId("wrun_a")) is None
    for other in (
        RunFilter(attributes={"a": "b"}),
        RunFilter(attributes={"a": "b\0two"}),
        RunFilter(attributes={"_": "x"}),
        RunFilter(prefix="wrun_%"),
        RunFilter(prefix="WRUN_"),
        RunFilter(workflow=_FLOW[:6]),
    ):
        assert (await world.list_runs(other)).runs == ()
    assert await world.claim(Claim(worker_id=_WORKER, workflows=(_FLOW[:6],), limit=5)) == []


async def hostile_rows_and_letters_come_back_the_same(world: World, clock: VirtualClock) -> None:
    lease = Lease(worker_id=_WORKER, lease_ms=LEASE_MS, process=HOSTILE, workflows=(_FLOW, "b"), deployment=HOSTILE)
    await world.beat(lease)
    [worker] = await world.workers()
    assert (worker.worker_id, worker.process, worker.workflows) == (_WORKER, HOSTILE, (_FLOW, "b"))
    await do(world, start_of(run_id=_RUN, workflow=_FLOW))
    letter = letter_to(run_id=_RUN, mail=HOSTILE, key=HOSTILE, payload=BYTES)
    await sent(world, letter)
    assert await world.read_mail(_RUN) == (letter,)
    [claimed] = await world.claim(Claim(worker_id=_WORKER, workflows=(_FLOW,), limit=5))
    assert (claimed.run_id, claimed.workflow) == (_RUN, _FLOW)
    event = row(HOSTILE, key=HOSTILE, payload=BYTES, mail_id=MailId(HOSTILE))
    append = append_to(
        run_id=_RUN, owner=_WORKER, seq=2, rows=(event,), mail_taken=(HOSTILE,), attributes={HOSTILE: HOSTILE}
    )
    await done(world, append)
    log = await world.read_log(_RUN, 2)
    assert log is not None
    [kept] = log.rows
    assert (kept.type, kept.key, kept.payload, kept.mail_id) == (HOSTILE, HOSTILE, BYTES, HOSTILE)
    assert log.run.attributes == {HOSTILE: HOSTILE}
    assert await world.has_mail(_RUN, MailId(HOSTILE))
    assert not await world.has_mail(_RUN, MailId(HOSTILE[:1]))
    assert [owned.run_id for owned in await world.owned(_WORKER)] == [_RUN]


async def a_large_payload_comes_back_the_same(world: World, clock: VirtualClock) -> None:
    payload = BYTES * 20_000
    await do(world, start_of(run_id=_RUN, created=payload))
    log = await world.read_log(_RUN)
    assert log is not None
    assert log.rows[0].payload == payload


async def hostile_hooks_come_back_the_same(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(run_id=_RUN, workflow=_FLOW))
    await beat(world, _WORKER)
    await world.claim(Claim(worker_id=_WORKER, workflows=(_FLOW,), limit=5))
    hooks = [hook_of(name, name, webhook=bool(place % 2)) for place, name in enumerate(_NAMES)]
    await done(world, registering(1, 2, *hooks, run_id=_RUN, owner=_WORKER))
    for place, name in enumerate(_NAMES):
        found = await hook_with(world, name)
        assert (found.run_id, found.key, found.token_hash, found.seq) == (_RUN, name, name, place + 2)
        assert await do(world, Send(letter=letter_to(run_id=_RUN, mail=f"to {name}"), hook=name)) == Sent()
    assert [hook.key for hook in await world.hooks.list(HookFilter())] == list(reversed(_NAMES))
    assert await world.hooks.list(HookFilter(before=(_RUN, 2))) == ()
    await born(world)
    rival = await done(world, registering(1, 3, hook_of(HOSTILE, HOSTILE), hook_of("a\0b", "a\0b")))
    assert rival.conflicts == {0: _RUN}
    assert (await log_of(world)).rows[2].decided == _RUN
    assert await do(world, send_to(1, "m", "a\0b")) == Sent()
    assert await do(world, send_to(1, "m2", "a\0")) == Refused(refusal=Refusal.HOOK)
    await done(world, append_to(run_id=_RUN, owner=_WORKER, seq=9, hooks=(HookClosing(key=HOSTILE),)))
    assert [hook.key for hook in await world.hooks.list(HookFilter()) if hook.run_id == _RUN] == list(
        reversed(_NAMES[1:])
    )


async def hostile_streams_come_back_the_same(world: World, clock: VirtualClock) -> None:
    await born(world)
    step = StepId(HOSTILE)
    await done(world, writing(1, 0, *(chunks_of(1, name, name.encode(), BYTES, step_id=step) for name in _NAMES)))
    for name in _NAMES:
        assert await texts_of(world, 1, name) == [name.encode(), BYTES]
        page = await world.streams.read(run_id(1), name, 0, 1)
        assert page is not None
        assert (page.record.stream, page.chunks[0].step_id) == (name, HOSTILE)
    await done(world, writing(1, 1, chunks_of(1, "a\0", b"more", close=True)))
    assert [(each.stream, each.closed) for each in await world.streams.list(run_id(1))] == [
        (name, name == "a\0") for name in sorted(_NAMES)
    ]
    assert await texts_of(world, 1, "a\0b") == []


async def a_large_chunk_comes_back_the_same(world: World, clock: VirtualClock) -> None:
    await born(world)
    large = BYTES * 21_845 + b"!" * 256
    assert len(large) == 16 * 1024 * 1024
    await done(world, writing(1, 0, chunks_of(1, "", b"small", large, b"small")))
    assert await texts_of(world) == [b"small", large, b"small"]


CHECKS: tuple[Check, ...] = (
    hostile_runs_come_back_the_same,
    hostile_texts_are_told_apart,
    hostile_rows_and_letters_come_back_the_same,
    a_large_payload_comes_back_the_same,
    hostile_hooks_come_back_the_same,
    hostile_streams_come_back_the_same,
    a_large_chunk_comes_back_the_same,
)
