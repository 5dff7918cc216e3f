"""How a fork is written: whole or not at all, sealed anew, and never with a hook that another run holds."""

from typing import Any

import pytest

from perdure import create_hook, step, workflow
from perdure.codec.keyring import KeyRing
from perdure.engine.engine import Engine
from perdure.engine.fork import Change, fork
from perdure.errors import KeyMissing, StepNotRegistered, UsageError, WorkflowNotRegistered
from perdure.model.event import RunCancelled, RunCompleted
from perdure.model.ids import RunId, token_hash
from perdure.testing.conformance.sample import hook_of, registering, start_of
from perdure.world import Append, Operation, Outcome, RunFilter, Start
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage, new

KEYS = KeyRing({"k1": bytes(range(32))})
seen: list[str] = []


@step
async def first(what: str) -> str:
    seen.append(f"first {what}")
    return what


@step
async def second(what: str) -> str:
    seen.append(f"second {what}")
    return what


@workflow
async def both(what: str) -> list[str]:
    return [await first(what), await second(what)]


@workflow
async def asks(what: str) -> list[str]:
    create_hook(str, token="t")
    return [await first(what), await second(what)]


ALL: tuple[Any, ...] = (both, asks, first, second)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


async def ended(engine: Engine, workflow: Any = both) -> RunId:
    run_id = (await engine.start(new(workflow, "x"))).run_id
    assert isinstance(await engine.end(run_id), RunCompleted)
    return run_id


def test_it_is_one_commit() -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        engine = await stage.working(*ALL, world=world)
        run_id = await ended(engine)
        world.batches.clear()
        forked = await fork(engine, run_id, "second", Change())
        [batch] = [batch for batch in world.batches if any(isinstance(operation, Start) for operation in batch)]
        assert [type(operation) for operation in batch] == [Start, Append]
        mine = await stage.events(forked)
        theirs = await stage.events(run_id)
        assert isinstance(await engine.end(forked), RunCompleted)
        assert [(event.at_ms, event.turn, event.key, event.fact) for event in mine[1:4]] == [
            (event.at_ms, event.turn, event.key, event.fact) for event in theirs[1:4]
        ]
        assert seen == ["first x", "second x", "second x"]

    stage.play(scene)


@pytest.mark.parametrize("lost", [1, 3])
def test_an_answer_that_is_lost(lost: int) -> None:
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(*ALL)
        run_id = await ended(engine)
        world = MoodyWorld(stage.world)
        looking = stage.engine(*ALL, world=world)
        world.answers_to_lose = lost
        forked = await fork(looking, run_id, "second", Change())
        assert isinstance(await engine.end(forked), RunCompleted)
        assert len(world.batches) == lost + 1
        assert seen == ["first x", "second x", "second x"]

    stage.play(scene)


def test_payloads_are_sealed_anew() -> None:
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(*ALL, keys=KEYS)
        run_id = await ended(engine)
        forked = await fork(engine, run_id, "second", Change())
        end = await engine.end(forked)
        assert isinstance(end, RunCompleted)
        assert bytes(end.result) == b'["x","x"]'
        log = await stage.world.read_log(forked)
        assert log is not None
        assert not any(b"x" in row.payload and row.payload[:1] == b"{" for row in log.rows)
        with pytest.raises(KeyMissing, match="it is sealed with the key 'k1', which this process doesn't have"):
            await fork(stage.engine(*ALL), run_id, "second", Change())
        with pytest.raises(UsageError) as caught:  # values aren't told where payloads are sealed
            await fork(engine, run_id, "second", Change({"what": "y"}))
        assert "first(…), attempted" in str(caught.value)

    stage.play(scene)


def test_an_edited_outcome_is_in_that_commit_and_sealed_too() -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        engine = await stage.working(*ALL, world=world, keys=KEYS)
        run_id = await ended(engine)
        world.batches.clear()
        forked = await fork(engine, run_id, None, Change(outputs={"first": "secret"}))
        [batch] = [batch for batch in world.batches if any(isinstance(operation, Start) for operation in batch)]
        assert [type(operation) for operation in batch] == [Start, Append]
        assert not any(b"secret" in row.payload for each in batch if isinstance(each, Append) for row in each.rows)
        end = await engine.end(forked)
        assert isinstance(end, RunCompleted)
        assert bytes(end.result) == b'["secret","x"]'
        assert seen == ["first x", "second x", "second x"]
        with pytest.raises(UsageError) as caught:
            await fork(engine, run_id, None, Change(outputs={"first": 5}))
        assert (
            str(caught.value) == "this is no output of step tests.engine.test_fork:first: output: it is an int, "
            "where the annotation asks for str"
        )
        with pytest.raises(StepNotRegistered):
            await fork(stage.engine(both, keys=KEYS), run_id, None, Change(outputs={"first": "y"}))

    stage.play(scene)


def test_code_that_isnt_here() -> None:
    stage = Stage()

    async def scene() -> None:
        run_id = await ended(await stage.working(*ALL))
        with pytest.raises(WorkflowNotRegistered):
            await fork(stage.engine(first), run_id, "second", Change())
        assert len((await stage.world.list_runs(RunFilter())).runs) == 1

    stage.play(scene)


def test_a_token_that_is_taken_in_the_last_moment() -> None:
    """The fork has begun without its hook: it is ended before anybody could miss it."""
    stage = Stage()

    async def scene() -> None:
        engine = await stage.working(*ALL)
        run_id = await ended(engine, asks)
        looking = stage.engine(*ALL, world=_Late(stage.world))
        with pytest.raises(UsageError, match="has just taken the token of one of its hooks; try again"):
            await fork(looking, run_id, "second", Change())
        forked = (await stage.world.list_runs(RunFilter())).runs[0].run_id
        assert isinstance(await engine.end(forked), RunCancelled)
        assert seen == ["first x", "second x"]

    stage.play(scene)


class _Late(MoodyWorld):
    """Somebody else gets in before the fork."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._done = False

    async def _commit(self, operations: list[Operation]) -> list[Outcome]:
        if not self._done:
            self._done = True
            await self.inner.commit(
                [start_of(1), registering(1, 2, hook_of(token_hash=token_hash("t")), epoch=0, seize=True)]
            )
        return await super()._commit(operations)
