"""A key that is missing or wrong: runs wait for it, nothing is lost, and a worker that has it goes on."""

import asyncio
import logging

import pytest

from perdure import create_hook, get_writable, sleep, step, workflow
from perdure.codec.keyring import KeyRing, key_name
from perdure.codec.value import decode, encode
from perdure.engine.engine import Engine
from perdure.engine.hook import find_hook, resume
from perdure.engine.opening import LEFT_ALONE_S
from perdure.errors import KeyMissing, KeyWrong, PayloadLocked
from perdure.model.event import RunCancelled, RunCompleted
from perdure.model.ids import RunId
from tests.engine.stage import Stage, new

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
OLD, BOTH, NEW = KeyRing({"a": A}), KeyRing({"b": B, "a": A}), KeyRing({"b": B})
FALSE = KeyRing({"a": C})
TOKEN = "locked:7"


@step
async def shout(word: str) -> str:
    return word.upper()


@workflow(name="sealed:asking")
async def asking() -> str:
    await get_writable().write("began")
    async with create_hook(str, token=TOKEN) as hook:
        return await shout(await hook)


@workflow(name="sealed:sleeping")
async def sleeping() -> str:
    await sleep("10m")
    return await shout("rested")


PARTS = (asking, sleeping, shout)


async def settle(seconds: float = 3 * LEFT_ALONE_S) -> None:
    await asyncio.sleep(seconds)


async def key_names(stage: Stage, run_id: RunId) -> list[str]:
    log = await stage.world.read_log(run_id)
    assert log is not None
    return [key_name(row.payload) for row in log.rows]


async def asks(stage: Stage, keys: KeyRing) -> tuple[Engine, RunId]:
    """A run that waits for a payload, of a worker that has stopped since."""
    engine = await stage.working(*PARTS, keys=keys)
    run_id = (await engine.start(new(asking))).run_id
    await settle(5)
    await engine.rest(0)
    return engine, run_id


def test_keys_are_rotated_while_runs_sleep() -> None:
    stage = Stage()

    async def scene() -> None:
        _, run_id = await asks(stage, OLD)
        first = await stage.working(*PARTS, keys=OLD)
        rests = (await first.start(new(sleeping))).run_id
        await settle(30)
        await first.close()

        after = await stage.working(*PARTS, keys=BOTH)
        await resume(after, await find_hook(after, TOKEN), encode("yes", "payload"))
        end = await after.end(run_id)
        assert isinstance(end, RunCompleted)
        assert decode(end.result) == "YES"
        end = await after.end(rests)
        assert isinstance(end, RunCompleted)
        assert decode(end.result) == "RESTED"
        assert set(await key_names(stage, run_id)) == {"a", "b"}

        latest = stage.engine(*PARTS, keys=NEW)  # the old key is gone: what it sealed is locked, what came later isn't
        assert await latest.end(run_id) == await after.end(run_id)
        with pytest.raises(KeyMissing):
            await latest.log(run_id)

    stage.play(scene)


@pytest.mark.parametrize("keys", [NEW, FALSE, None], ids=["missing", "wrong", "none at all"])
def test_a_run_waits_for_its_key_and_goes_on_with_it(keys: KeyRing | None, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()

    async def scene() -> None:
        caplog.set_level(logging.WARNING, "perdure")
        owner, run_id = await asks(stage, OLD)
        await resume(owner, await find_hook(owner, TOKEN), encode("yes", "payload"))
        before = await stage.world.read_log(run_id)
        strange = await stage.working(*PARTS, keys=keys)
        await settle()
        assert await stage.world.read_log(run_id, 1) is not None
        log = await stage.world.read_log(run_id)
        assert log is not None
        assert before is not None
        assert log.rows == before.rows
        assert (log.run.status, log.run.mail) == ("running", 1)
        [told] = {record.message for record in caplog.records}
        assert told.startswith(f"run {run_id} is left alone, it can't be opened here: run_created can't be read back: ")
        assert "the key 'a'" in told or "key 'a' doesn't open it" in told

        own = await stage.working(*PARTS, keys=OLD)  # both work: it must come to the one that can
        end = await asyncio.wait_for(own.end(run_id), 120)
        assert isinstance(end, RunCompleted)
        assert decode(end.result) == "YES"
        if keys is FALSE:
            with pytest.raises(KeyWrong):
                await strange.end(run_id)

    stage.play(scene)


def test_a_letter_that_does_not_open_is_waited_for_and_the_run_lives(caplog: pytest.LogCaptureFixture) -> None:
    """Its owner has the key of the log, and not that of who asks it to end."""
    stage = Stage()

    async def scene() -> None:
        caplog.set_level(logging.WARNING, "perdure")
        owner = await stage.working(*PARTS, keys=OLD)
        run_id = (await owner.start(new(asking))).run_id
        await asyncio.sleep(0.1)
        sender = stage.engine(*PARTS, keys=NEW)
        assert await sender.cancel(run_id, "enough", None)
        await settle()
        record = await stage.world.read_run(run_id)
        assert record is not None
        assert (record.status, record.mail) == ("running", 1)
        assert any("a letter for it can't be opened" in record.message for record in caplog.records)
        with pytest.raises(KeyMissing) as caught:  # to end it by force would lose that letter
            await owner.cancel(run_id, "now", 0)
        assert caught.value.key_id == "b"
        both = await stage.working(*PARTS, keys=BOTH)
        end = await asyncio.wait_for(both.end(run_id), 120)
        assert isinstance(end, RunCancelled)
        assert end.reason == "enough"

    stage.play(scene)


def test_nobody_without_the_key_ends_it_by_force() -> None:
    stage = Stage()

    async def scene() -> None:
        _, run_id = await asks(stage, OLD)
        strange = stage.engine(*PARTS, keys=NEW)
        with pytest.raises(KeyMissing):
            await strange.cancel(run_id, "now", 0)
        with pytest.raises(KeyMissing):
            await find_hook(strange, TOKEN)
        assert await stage.status(run_id) == "running"
        own = await stage.working(*PARTS, keys=OLD)
        await resume(own, await find_hook(own, TOKEN), encode("yes", "payload"))
        assert isinstance(await own.end(run_id), RunCompleted)

    stage.play(scene)


def test_a_stream_is_read_by_who_has_the_key_and_by_nobody_else() -> None:
    stage = Stage()

    async def scene() -> None:
        owner, run_id = await asks(stage, OLD)
        for keys in (NEW, FALSE, None):
            strange = stage.engine(*PARTS, keys=keys)
            with pytest.raises(PayloadLocked) as caught:
                await anext(strange.readers.pages(run_id, "", 0))
            assert caught.value.path == "chunk"
        [chunk] = await anext(owner.readers.pages(run_id, "", 0))
        assert chunk.data == b'"began"'

    stage.play(scene)


def test_what_was_written_before_there_were_keys_goes_on_sealed() -> None:
    stage = Stage()

    async def scene() -> None:
        _, run_id = await asks(stage, None)  # type: ignore[arg-type]
        own = await stage.working(*PARTS, keys=NEW)
        await resume(own, await find_hook(own, TOKEN), encode("yes", "payload"))
        assert isinstance(await own.end(run_id), RunCompleted)
        log = await stage.world.read_log(run_id)
        assert log is not None
        sealed = [row.payload[:1] == b"\x01" for row in log.rows]
        assert sealed == sorted(sealed), "plain rows first"
        assert not sealed[0]
        assert sealed[-1]

    stage.play(scene)


def test_sealed_only_leaves_what_is_plain_alone() -> None:
    stage = Stage()

    async def scene() -> None:
        owner, run_id = await asks(stage, None)  # type: ignore[arg-type]
        await resume(owner, await find_hook(owner, TOKEN), encode("yes", "payload"))
        await stage.working(*PARTS, keys=KeyRing({"b": B}, sealed_only=True))
        await settle()
        assert await stage.status(run_id) == "running"
        assert "hook_received" not in await stage.types(run_id)
        own = await stage.working(*PARTS, keys=NEW)
        assert isinstance(await asyncio.wait_for(own.end(run_id), 120), RunCompleted)

    stage.play(scene)
