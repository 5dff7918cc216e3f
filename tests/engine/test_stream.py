"""One run's chunks on their way: calls in, appends out; what landed, what was refused, and who is told."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

import perdure.engine.stream
from perdure.codec.compression import decompressed
from perdure.engine.stream import FULL_BYTES, FULL_CHUNKS, Outflow, Piece, Place, closed
from perdure.errors import StreamClosed, WorldUnavailable
from perdure.model.ids import RunId, StepId, WorkerId
from perdure.world import Append, Appended, NewChunks, NewRow

ME, PARENT = RunId("wrun_me"), RunId("wrun_parent")
HERE, LOGS, THERE = Place(ME, ""), Place(ME, "logs"), Place(PARENT, "")
ONE, TWO = StepId("step_one"), StepId("step_two")
KEY = "0/step:app:one#0"


def piece(data: str | None, place: Place = HERE, step: StepId = ONE, attempt: int = 1) -> Piece:
    return Piece(place, None if data is None else data.encode(), step, attempt)


def group(
    *data: str, place: Place = HERE, step: StepId | None = ONE, attempt: int = 1, close: bool = False
) -> NewChunks:
    return NewChunks(
        run_id=place.run_id,
        stream=place.stream,
        data=tuple(part.encode() for part in data),
        step_id=step,
        attempt=attempt,
        close=close,
    )


def append_of(*types: str, chunks: tuple[NewChunks, ...] = ()) -> Append:
    rows = tuple(NewRow(turn=1, type=type, key=KEY, payload=b"{}") for type in types)
    return Append(run_id=ME, owner=WorkerId("wrkr_1"), epoch=1, seq=3, rows=rows, chunks=chunks)


class Flow:
    """An outflow, and how urgently it asked to be taken along."""

    def __init__(self, writes: int = 0) -> None:
        self.asked: list[bool] = []
        self.out = Outflow(self, asyncio.get_running_loop(), writes)

    def wrote(self, *, urgent: bool) -> None:
        self.asked.append(urgent)

    def write(self, *pieces: Piece) -> None:
        for each in pieces:
            self.out.write(each)

    def take(self, *types: str) -> Append:
        self.sent = self.out.onto(append_of(*types))
        return self.sent

    def lands(self, *refused: int) -> set[RunId]:
        return self.out.landed(self.sent, Appended(at_ms=1, mail=0, refused=refused))

    def drain(self, place: Place = HERE) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(self.out.drained(place))


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


async def rested() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


# -- writing


def test_chunks_gather_behind_the_first_and_ride_with_the_next_append() -> None:
    async def scene() -> None:
        flow = Flow(writes=7)
        assert (flow.out.empty, flow.out.waiting) == (True, False)
        flow.write(piece("a"), piece("b"))
        assert (flow.asked, flow.out.empty, flow.out.waiting) == ([True, False], False, True)
        append = flow.take("step_completed")
        assert (append.chunks, append.writes) == ((group("a", "b"),), 7)
        assert (flow.out.empty, flow.out.waiting) == (False, False), "they are on their way"
        assert flow.lands() == {ME}
        assert (flow.out.empty, flow.out.writes) == (True, 8)

    play(scene())


def test_who_was_quiet_for_a_while_doesnt_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        flow.take()
        flow.write(piece("b"))
        flow.lands()
        assert flow.asked == [True, False], "while a commit is on its way the next one gathers"
        flow.take()
        flow.lands()
        flow.write(piece("c"))
        assert flow.asked == [True, False, False], "a moment ago one has landed"
        monkeypatch.setattr(perdure.engine.stream, "QUIET_S", 0.0)
        flow.take()
        flow.lands()
        flow.write(piece("d"), piece("e"))
        assert flow.asked == [True, False, False, True, False]

    play(scene())


def test_an_append_without_chunks_is_left_alone() -> None:
    async def scene() -> None:
        flow, append = Flow(), append_of("step_completed")
        assert flow.out.onto(append) is append
        assert flow.out.landed(append, Appended(at_ms=1, mail=0)) == set()
        assert flow.out.writes == 0

    play(scene())


def test_neighbours_of_one_stream_and_attempt_go_together() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece("b"), piece("c", step=TWO), piece("d", attempt=2), piece("e", LOGS), piece("f"))
        assert flow.take().chunks == (
            group("a", "b"), group("c", step=TWO), group("d", attempt=2), group("e", place=LOGS), group("f"),
        )  # fmt: skip

    play(scene())


def test_a_large_chunk_goes_compressed_and_a_small_one_as_it_is() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("x" * 5000), piece("y"))
        [large, small] = flow.take().chunks[0].data
        assert decompressed(large, "chunk") == b"x" * 5000
        assert len(large) < 100
        assert small == b"y"

    play(scene())


def test_an_end_comes_after_what_was_written_before() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece(None), piece("b", LOGS), piece(None, LOGS))
        assert flow.take().chunks == (group("a", close=True), group("b", place=LOGS, close=True))

    play(scene())


def test_an_end_alone() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece(None))
        assert flow.take().chunks == (group(close=True),)

    play(scene())


def test_what_the_body_wrote_comes_before_what_its_steps_wrote_meanwhile() -> None:
    """A step that it began may have answered at once; what it knows of lies in earlier appends."""

    async def scene() -> None:
        flow = Flow(writes=3)
        bodys = group("body", step=None, attempt=0)
        flow.write(piece("step"))
        sent = flow.out.onto(append_of("stream_written", chunks=(bodys,)))
        assert (sent.chunks, sent.writes) == ((bodys, group("step")), 3)

    play(scene())


def test_what_the_end_writes_comes_behind_all() -> None:
    async def scene() -> None:
        flow = Flow(writes=3)
        bodys, last = group("body", step=None, attempt=0), group("end", step=None, attempt=0)
        flow.write(piece("step"))
        sent = flow.out.onto(append_of("run_completed", chunks=(bodys,)), (last,))
        assert (sent.chunks, sent.writes) == ((bodys, group("step"), last), 3)
        sent = Flow(writes=7).out.onto(append_of("run_completed"), (last,))
        assert (sent.chunks, sent.writes) == ((last,), 7)

    play(scene())


def test_what_only_the_body_wrote_counts_too() -> None:
    async def scene() -> None:
        flow = Flow(writes=3)
        sent = flow.out.onto(append_of("stream_written", chunks=(group("body", step=None, attempt=0),)))
        assert sent.writes == 3
        assert flow.out.landed(sent, Appended(at_ms=1, mail=0)) == {ME}
        assert flow.out.writes == 4

    play(scene())


def test_readers_of_every_stream_are_told() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece("b", THERE))
        flow.take()
        assert flow.lands() == {ME, PARENT}

    play(scene())


def test_who_writes_much_is_told_to_drain() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("x" * FULL_BYTES))
        assert not flow.out.full
        flow.write(piece("x"))
        assert flow.out.full
        flow.take()
        assert not flow.out.full
        flow.out.put_back()
        assert flow.out.full, "what comes back waits again"
        flow.take()
        flow.lands()
        flow.write(*[piece("x")] * FULL_CHUNKS)
        assert not flow.out.full
        flow.write(piece("x"))
        assert flow.out.full, "small ones are much too"

    play(scene())


# -- closed streams


@pytest.mark.parametrize("data", ["b", None])
def test_after_its_end_a_stream_takes_nothing(data: str | None) -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece(None))
        with pytest.raises(StreamClosed) as caught:
            flow.write(piece(data, step=TWO))
        assert (caught.value.run_id, caught.value.namespace) == (ME, None)
        flow.write(piece("c", LOGS))
        assert flow.take().chunks == (group("a", close=True), group("c", place=LOGS))

    play(scene())


def test_a_refusal_closes_the_stream_from_then_on() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a", THERE), piece("b"))
        flow.take()
        flow.lands(0)
        with pytest.raises(StreamClosed):
            flow.write(piece("c", THERE))
        flow.write(piece("d"))

    play(scene())


def test_a_refusal_of_what_the_body_wrote_closes_it_too() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a", LOGS))
        sent = flow.out.onto(append_of(chunks=(group("body", step=None, attempt=0),)))
        flow.out.landed(sent, Appended(at_ms=1, mail=0, refused=(0,)))
        flow.out.check(LOGS)
        with pytest.raises(StreamClosed):
            flow.out.check(HERE)

    play(scene())


def test_the_sentence() -> None:
    assert str(closed(LOGS)) == (
        "the stream 'logs' of run wrun_me is closed: write before it is, or to another namespace"
    )


# -- draining


def test_nothing_to_drain_is_drained_at_once() -> None:
    async def scene() -> None:
        flow = Flow()
        await flow.out.drained(HERE)
        assert flow.asked == []

    play(scene())


def test_a_drain_asks_for_the_next_append_and_waits_until_it_landed() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        drain = flow.drain()
        await rested()
        assert flow.asked == [True, True]
        flow.take()
        await rested()
        assert not drain.done()
        flow.lands()
        await drain

    play(scene())


def test_a_drain_of_what_is_on_its_way_waits_for_that() -> None:
    """Nothing more waits, so nothing more would be taken: it must not wait for another append."""

    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        flow.take()
        drain = flow.drain()
        await rested()
        assert not drain.done()
        flow.lands()
        await asyncio.wait_for(drain, 5)
        assert flow.out.empty

    play(scene())


def test_a_drain_of_both_waits_for_the_later_append() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        flow.take()
        flow.write(piece("b"))
        drain = flow.drain()
        await rested()
        flow.lands()
        await rested()
        assert not drain.done()
        flow.take()
        flow.lands()
        await drain

    play(scene())


def test_a_drain_is_told_of_a_refusal() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece("b", LOGS))
        here, logs = flow.drain(), flow.drain(LOGS)
        await rested()
        flow.take()
        flow.lands(1)
        await here
        with pytest.raises(StreamClosed) as caught:
            await logs
        assert caught.value.namespace == "logs"

    play(scene())


def test_a_drain_is_told_of_an_earlier_refusal() -> None:
    """The chunk went along with another append, before anybody drained."""

    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a", LOGS))
        flow.take()
        flow.lands(0)
        with pytest.raises(StreamClosed):
            await flow.out.drained(LOGS)
        await flow.out.drained(HERE)

    play(scene())


def test_a_drain_is_told_of_the_refusal_of_what_went_before_it() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a", LOGS))
        flow.take()
        flow.write(piece("b"))  # something else makes the drain wait for the next append
        logs = flow.drain(LOGS)
        await rested()
        flow.lands(0)
        flow.take()
        flow.lands()
        with pytest.raises(StreamClosed):
            await logs

    play(scene())


def test_who_closed_a_stream_itself_may_drain_it() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"), piece(None))
        drain = flow.drain()
        await rested()
        flow.take()
        flow.lands()
        await drain
        await flow.out.drained(HERE)

    play(scene())


def test_a_drain_that_was_cancelled_disturbs_nobody() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        gone, stays = flow.drain(), flow.drain()
        await rested()
        gone.cancel()
        await rested()
        flow.take()
        flow.lands(0)
        assert gone.cancelled()
        with pytest.raises(StreamClosed):
            await stays

    play(scene())


# -- refused as a whole


def test_what_was_refused_as_a_whole_goes_first_the_next_time() -> None:
    async def scene() -> None:
        flow = Flow(writes=2)
        flow.write(piece("a"), piece("b", step=TWO, attempt=2), piece(None, step=TWO, attempt=2))
        drain = flow.drain()
        await rested()
        flow.take()
        flow.out.put_back()
        flow.write(piece("c", LOGS))
        assert flow.out.waiting
        again = flow.take()
        assert again.chunks == (group("a"), group("b", step=TWO, attempt=2, close=True), group("c", place=LOGS))
        assert again.writes == 2
        assert not drain.done()
        flow.lands()
        await drain

    play(scene())


def test_who_waits_when_the_run_leaves_is_told_that_nobody_knows() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        flying = flow.drain()
        await rested()
        flow.take()
        flow.write(piece("b"))
        waiting = flow.drain()
        await rested()
        flow.out.close()
        for drain in (flying, waiting):
            with pytest.raises(WorldUnavailable) as caught:
                await drain
            assert str(caught.value) == "the world can't be reached: the run has left this worker"
        assert not flow.out.waiting

    play(scene())


# -- kept for a step's completion


def test_what_is_kept_goes_with_the_completion() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.out.keep(KEY, [piece("a"), piece("b")])
        assert flow.out.empty, "the completion asks for itself"
        assert flow.take("step_completed").chunks == (group("a", "b"),)
        flow.lands()
        assert flow.take("step_completed").chunks == ()

    play(scene())


@pytest.mark.parametrize("types", [(), ("run_completed",), ("step_failed",), ("run_blocked",)])
def test_what_is_kept_for_a_completion_that_isnt_written_is_not_written(types: tuple[str, ...]) -> None:
    """The step was released, the run ended or was parked: whoever runs it again writes it again."""

    async def scene() -> None:
        flow = Flow()
        flow.write(piece("open"))
        flow.out.keep(KEY, [piece("kept")])
        assert flow.take(*types).chunks == (group("open"),)
        flow.lands()
        assert flow.take("step_completed").chunks == ()

    play(scene())


def test_what_is_kept_comes_back_with_its_completion() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("open", step=TWO))
        flow.out.keep(KEY, [piece("kept")])
        flow.take("step_completed")
        flow.out.put_back()
        assert flow.take("step_completed").chunks == (group("open", step=TWO), group("kept"))

    play(scene())


def test_a_stream_that_was_closed_meanwhile_doesnt_keep_a_step_from_completing() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.out.keep(KEY, [piece("kept"), piece("more", LOGS)])
        flow.write(piece(None, step=TWO))
        assert flow.take("step_completed").chunks == (group(close=True, step=TWO), group("more", place=LOGS))

    play(scene())


def test_all_that_was_kept_may_be_for_closed_streams() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece(None, step=TWO))
        flow.take()
        flow.lands()
        flow.out.keep(KEY, [piece("kept")])
        assert flow.take("step_completed").chunks == ()
        assert flow.lands() == set()
        flow.out.put_back()
        assert flow.take("step_completed").chunks == ()

    play(scene())


def test_an_end_that_was_kept_closes_the_stream_once_it_landed() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.out.keep(KEY, [piece("a"), piece(None)])
        flow.write(piece("b", step=TWO))
        assert flow.take("step_completed").chunks == (group("b", step=TWO), group("a", close=True))
        flow.lands()
        with pytest.raises(StreamClosed):
            flow.write(piece("c", step=TWO))

    play(scene())


def test_an_append_with_one_of_the_completions_leaves_what_was_kept_for_the_others() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.out.keep(KEY, [piece("kept")])
        flow.out.keep("0/step:app:two#0", [piece("other", step=TWO)])
        append = flow.out.onto(append_of("step_completed"), alone=True)
        assert append.chunks == (group("kept"),)
        flow.sent = append
        flow.lands()
        completed = NewRow(turn=1, type="step_completed", key="0/step:app:two#0", payload=b"{}")
        later = Append(run_id=ME, owner=WorkerId("wrkr_1"), epoch=1, seq=4, rows=(completed,))
        assert flow.out.onto(later).chunks == (group("other", step=TWO),)

    play(scene())


def test_what_was_kept_for_a_completion_that_is_withdrawn_is_gone() -> None:
    async def scene() -> None:
        flow = Flow()
        flow.write(piece("a"))
        flow.out.keep(KEY, [piece("kept")])
        assert flow.take("step_completed").chunks == (group("a", "kept"),)
        flow.out.withdraw(KEY)
        assert flow.take("step_completed").chunks == (group("a"),)

    play(scene())
