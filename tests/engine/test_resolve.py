"""What became of an operation whose answer was lost: by reading, never by a blind second try (L2)."""

from typing import Any
from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from perdure.engine.resolve import resolve
from perdure.errors import WorldFull
from perdure.model.ids import StepId
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    append_to,
    born,
    chunks_of,
    claim_all,
    do,
    letter_to,
    log_of,
    row,
    start_of,
    texts_of,
    writing,
)
from perdure.world import Append, Appended, NewChunks, NewRow, Outcome, Refusal, Refused, Send, Sent, Started, World
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage

MINE = append_to(rows=(row(), row("step_created")))


def resolved(operation: Append | Send, *before: Append, other_owner: bool = False) -> tuple[Outcome, int]:
    """The outcome, and how long the log is then."""
    stage = Stage()

    async def scene() -> tuple[Outcome, int]:
        await born(stage.world)
        for append in before:
            await do(stage.world, append)
        if other_owner:
            await stage.world.retire(ONE, died=True)
            assert await claim_all(stage.world, TWO)
        outcome = await resolve(stage.world, operation)
        return outcome, (await log_of(stage.world)).run.length

    return stage.play(scene)


def test_one_that_has_landed_is_not_sent_again() -> None:
    outcome, length = resolved(MINE, MINE)
    assert isinstance(outcome, Appended)
    assert length == 4


def test_one_that_has_not_is_sent_again() -> None:
    outcome, length = resolved(MINE)
    assert isinstance(outcome, Appended)
    assert length == 4


def test_rows_of_another_at_its_place_are_not_its_own() -> None:
    outcome, length = resolved(MINE, append_to(rows=(row("step_failed"), row())))
    assert outcome == Refused(refusal=Refusal.PLACE)
    assert length == 4


def test_another_owner_has_fenced_it() -> None:
    assert resolved(MINE, other_owner=True) == (Refused(refusal=Refusal.FENCED), 2)


def test_one_that_landed_before_another_took_over_has_landed() -> None:
    outcome, _ = resolved(MINE, MINE, other_owner=True)
    assert isinstance(outcome, Appended)


def test_a_take_over_finds_its_rows_under_the_next_epoch() -> None:
    seize = replace(MINE, seize=True)
    outcome, length = resolved(seize, seize)
    assert isinstance(outcome, Appended)
    assert length == 4


def test_a_take_over_without_rows_is_told_by_the_epoch() -> None:
    seize = append_to(rows=(), seize=True)
    assert resolved(seize, seize) == (Refused(refusal=Refusal.FENCED), 2)


def test_a_release_without_rows_that_has_landed_reads_as_lost() -> None:
    """Either way the run is no longer this worker's."""
    release = append_to(rows=(), release=True)
    assert resolved(release, release) == (Refused(refusal=Refusal.FENCED), 2)


def test_a_run_that_is_not_there_is_unknown() -> None:
    assert resolved(append_to(9))[0] == Refused(refusal=Refusal.UNKNOWN)


def test_starts_and_letters_are_sent_again_as_they_are() -> None:
    stage = Stage()

    async def scene() -> None:
        world = stage.world
        first = await do(world, start_of())
        assert isinstance(first, Started)
        assert await resolve(world, start_of()) == replace(first, created=False)
        send = Send(letter=letter_to())
        await do(world, send)
        assert await resolve(world, send) == Sent()
        assert len(await world.read_mail(letter_to().run_id)) == 1

    stage.play(scene)


def test_a_world_that_is_away_is_tried_until_it_is_back() -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        await born(stage.world)
        world.away = True
        stage.universe.after_ms(60_000, lambda: setattr(world, "away", False))
        assert isinstance(await resolve(world, MINE), Appended)
        assert 60_000 <= stage.passed_ms <= 62_000, "at the latest every two seconds"
        assert world.reads < 40

    stage.play(scene)


def test_an_answer_that_is_lost_again_is_read_again() -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        await born(stage.world)
        world.answers_to_lose = 1
        assert isinstance(await resolve(world, MINE), Appended)
        assert len(world.batches) == 1, "the second look found it"
        assert (await log_of(stage.world)).run.length == 4

    stage.play(scene)


def test_a_late_first_try_sends_it_back_to_reading() -> None:
    stage = Stage()

    class Late(MoodyWorld):
        """The first try lands between the reading and the second."""

        def __init__(self, inner: World) -> None:
            super().__init__(inner)
            self.landed = False

        async def _commit(self, operations: list) -> list[Outcome]:  # type: ignore[override]
            if not self.landed:
                self.landed = True
                await self.inner.commit(operations)
            return await super()._commit(operations)

    async def scene() -> None:
        world = Late(stage.world)
        await born(stage.world)
        assert isinstance(await resolve(world, MINE), Appended)
        assert (await log_of(stage.world)).run.length == 4

    stage.play(scene)


# -- chunks


STEP = StepId("step_1")


def chunk(*data: bytes, stream: str = "", **changes: Any) -> NewChunks:
    return chunks_of(1, stream, *data, **{"step_id": STEP, "attempt": 1, **changes})


@pytest.mark.parametrize("rows", [(), (row(),)], ids=["alone", "with rows"])
def test_chunks_that_have_landed_are_not_sent_again(rows: tuple[NewRow, ...]) -> None:
    stage = Stage()

    async def scene() -> None:
        await born(stage.world)
        append = writing(1, 0, chunk(b"a"), chunk(b"b", stream="log"), rows=rows)
        await do(stage.world, append)
        outcome = await resolve(stage.world, append)
        assert isinstance(outcome, Appended)
        assert outcome.refused == ()
        assert await texts_of(stage.world) == [b"a"]

    stage.play(scene)


@pytest.mark.parametrize("rows", [(), (row(),)], ids=["alone", "with rows"])
@pytest.mark.parametrize("before", [b"z", b"a"])
def test_what_a_closed_stream_refused_is_told_after_a_lost_answer_too(rows: tuple[NewRow, ...], before: bytes) -> None:
    stage = Stage()

    async def scene() -> None:
        world = stage.world
        await born(world)
        await do(world, writing(1, 0, chunk(before), chunk(b"other", step_id=None, close=True)))
        append = writing(1, 1, chunk(b"a", b"b"), chunk(b"c", stream="log"), chunk(b"d"), rows=rows)
        outcome = await do(world, append)
        assert isinstance(outcome, Appended)
        assert outcome.refused == (0, 2)
        assert await resolve(world, append) == replace(outcome, at_ms=ANY, mail=0)

    stage.play(scene)


def test_chunks_that_landed_before_their_stream_was_closed_were_taken() -> None:
    stage = Stage()

    async def scene() -> None:
        world = stage.world
        await born(world)
        append = writing(1, 0, chunk(b"a"), chunk(b"x", attempt=2), chunk(b"b", close=True))
        await do(world, append)
        outcome = await resolve(world, append)
        assert isinstance(outcome, Appended)
        assert outcome.refused == ()

    stage.play(scene)


def test_chunks_are_not_taken_for_those_of_a_longer_append_that_landed_late() -> None:
    """The first try carried a wait that wasn't due; the second carries more chunks, and no row."""
    first, second = writing(1, 0, chunk(b"a"), rows=(row(),)), writing(1, 0, chunk(b"a", b"b"))
    outcome, length = resolved(second, first)
    assert (outcome, length) == (Refused(refusal=Refusal.PLACE), 3)


def test_what_is_no_loss_is_passed_on() -> None:
    stage = Stage()

    async def scene() -> None:
        world = MoodyWorld(stage.world)
        await born(stage.world)
        world.full = True
        with pytest.raises(WorldFull):
            await resolve(world, MINE)

    stage.play(scene)
