"""Writes from a body: part of its turn's answer; in a replay matched, and so done once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Raw

from perdure import EncodeError, StreamClosed, get_writable
from perdure.model.event import Request, StreamEpilogue, StreamWritten
from perdure.model.event import StreamClosed as End
from perdure.model.ids import RunId
from perdure.replay.body import current_body
from perdure.replay.stream import close_stream, write_stream
from tests.core.hooks import OTHER
from tests.core.logs import done, raw, step
from tests.replay.bodied import ME, Line, act, body_of, ended, key, requests
from tests.replay.hooked import Recorded, turn


def chunk(data: str, stream: str = "", run_id: RunId | None = None) -> StreamWritten:
    return StreamWritten(stream=stream, data=raw(data), run_id=run_id)


async def telling() -> str:
    out = get_writable(str)
    await out.write("one")
    await act("a")
    await out.write("two")
    await out.close()
    return "told"


A = (0, key("a"), step("app:a"))
ONE: Line = (0, "0/write#0", chunk('"one"'))
TWO: Line = (1, "0/write#1", chunk('"two"'))
CLOSED: Line = (1, "0/close#0", End())


class TestWrites:
    def test_new(self) -> None:
        body = body_of(telling)
        assert requests(body) == [("0/write#0", chunk('"one"')), (key("a"), step("app:a"))]
        turn(body, 1, (key("a"), done()))
        assert requests(body) == [("0/write#1", chunk('"two"')), ("0/close#0", End())]
        assert ended(body) == 'run_completed "told"'

    def test_recorded(self) -> None:
        body = body_of(telling, ONE, A, (1, key("a"), done()), TWO, CLOSED)
        assert (requests(body), ended(body)) == ([], 'run_completed "told"'), "nothing is written twice"

    def test_recorded_and_pending(self) -> None:
        body = body_of(telling, ONE, A)
        assert (requests(body), ended(body)) == ([], "")
        turn(body, 1, (key("a"), done()))
        assert len(requests(body)) == 2

    def test_an_answer_that_is_missing_is_written_again(self) -> None:
        assert requests(body_of(telling, ONE, A, (1, key("a"), done()))) == [TWO[1:], CLOSED[1:]]

    def test_half_an_answer_parks_the_run(self) -> None:
        """T1: an answer is one append; a log that holds part of one was written by other code."""
        body = body_of(telling, ONE, A, (1, key("a"), done()), TWO)
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == (
            "nothing more in this turn",
            "the end of the stream default",
        )

    def test_another_chunk_parks_the_run(self) -> None:
        body = body_of(telling, (0, "0/write#0", chunk('"other"')), A)
        assert body.divergence is not None
        assert (body.divergence.recorded, body.divergence.attempted) == (
            'a write to the stream default ("other")',
            'a write to the stream default ("one")',
        )

    def test_every_part_of_a_log_asks_for_what_comes_next(self) -> None:
        life = Recorded(telling).deliver((key("a"), done()))
        assert life.result() == 'run_completed "told"'
        life.check()

    def test_branches_number_their_writes_by_themselves(self) -> None:
        async def flow() -> None:
            async def branch(what: str) -> None:
                await act(what)
                await get_writable().write(what)

            await asyncio.gather(branch("a"), branch("b"))

        live = Recorded(flow).each((key("b", "0.2"), done()), (key("a", "0.1"), done()))
        assert [line[1:] for line in live.lines if isinstance(line[2], StreamWritten)] == [
            ("0.2/write#0", chunk('"b"')),
            ("0.1/write#0", chunk('"a"')),
        ]
        live.check()

    def test_what_is_written_is_what_it_was_then(self) -> None:
        async def flow() -> None:
            value = [1]
            await get_writable().write(value)
            value.append(2)

        assert requests(body_of(flow)) == [("0/write#0", chunk("[1]"))]

    def test_named_streams(self) -> None:
        async def flow() -> None:
            await get_writable(namespace="logs").write(1)
            await get_writable(namespace="more").write(2)
            await get_writable(namespace="logs").write(3)

        assert requests(body_of(flow)) == [
            ("0/write:logs#0", chunk("1", "logs")),
            ("0/write:more#0", chunk("2", "more")),
            ("0/write:logs#1", chunk("3", "logs")),
        ]

    def test_a_block_neither_drains_nor_closes(self) -> None:
        async def flow() -> None:
            async with get_writable() as out:
                await out.write(1)
                await out.drain()
            await out.write(2)

        assert requests(body_of(flow)) == [("0/write#0", chunk("1")), ("0/write#1", chunk("2"))]

    def test_atomic_means_nothing_more_in_a_body(self) -> None:
        async def flow() -> None:
            await get_writable(atomic=True).write(1)

        assert requests(body_of(flow)) == [("0/write#0", chunk("1"))]

    def test_all_of_an_iterable(self) -> None:
        async def numbers() -> AsyncIterator[int]:
            for number in (2, 3):
                yield number

        async def flow() -> None:
            out = get_writable(int)
            await out.write_from([1])
            await out.write_from(numbers())

        assert [fact for _, fact in requests(body_of(flow))] == [chunk("1"), chunk("2"), chunk("3")]

    def test_what_cant_be_encoded_is_not_asked_for(self) -> None:
        async def flow() -> str:
            try:
                await get_writable().write({"conn": object()})
            except EncodeError as error:
                return error.path
            return ""

        body = body_of(flow)
        assert (requests(body), ended(body)) == ([], """run_completed "chunk[\\"conn\\"]\"""")

    def test_a_body_that_is_put_away_writes_nothing(self) -> None:
        async def flow() -> None:
            try:
                await act("a")
            finally:
                await get_writable().write("cleanup")

        body = body_of(flow)
        requests(body)
        body.put_away()
        assert requests(body) == []


class TestClosed:
    @pytest.mark.parametrize("again", ["write", "close"])
    def test_a_closed_stream_takes_nothing_more(self, again: str) -> None:
        async def flow() -> str:
            out = get_writable(namespace="logs")
            await out.close()
            try:
                await (out.write(1) if again == "write" else out.close())
            except StreamClosed as error:
                return f"{error.namespace} {error}"
            return ""

        body = body_of(flow)
        assert requests(body) == [("0/close:logs#0", End(stream="logs"))]
        assert ended(body) == (
            f"run_completed \"logs the stream 'logs' of run {ME} is closed: "
            'write before it is, or to another namespace"'
        )
        assert ended(body_of(flow, (0, "0/close:logs#0", End(stream="logs")))) == ended(body)

    def test_the_default_stream_has_no_name(self) -> None:
        assert str(StreamClosed(ME, None)) == (
            f"the default stream of run {ME} is closed: write before it is, or to another namespace"
        )

    def test_another_writable_of_it_is_closed_too(self) -> None:
        async def flow() -> None:
            await get_writable().close()
            await get_writable().write(1)

        assert ended(body_of(flow)) == "run_failed"

    def test_other_streams_stay_open(self) -> None:
        async def flow() -> None:
            await get_writable(namespace="logs").close()
            await get_writable().write(1)

        assert ended(body_of(flow)) == "run_completed null"


class TestOtherRuns:
    """A writable that was handed to a child run: the stream stays its run's."""

    async def _into(self) -> None:
        body = current_body()
        assert body is not None
        write_stream(body, OTHER, "logs", Raw(b"1"))
        close_stream(body, OTHER, "logs")
        write_stream(body, ME, "logs", Raw(b"2"))

    def test_the_run_is_named_where_it_is_another(self) -> None:
        wanted: list[tuple[str, Request]] = [
            ("0/write:logs#0", chunk("1", "logs", OTHER)),
            ("0/close:logs#0", End(stream="logs", run_id=OTHER)),
            ("0/write:logs#1", chunk("2", "logs")),
        ]
        assert requests(body_of(self._into)) == wanted
        replayed = body_of(self._into, *((0, key_, fact) for key_, fact in wanted))
        assert (requests(replayed), ended(replayed)) == ([], "run_completed null")

    def test_closing_another_runs_stream_leaves_ones_own_open(self) -> None:
        body = body_of(self._into)
        assert body.closed_streams == {(OTHER, "logs")}


SAID: Line = (0, "0/epilogue:log#0", StreamEpilogue(stream="log", completed=(raw('"over"'),), failed=(raw('"sorry"'),)))
SAID_AGAIN: Line = (1, "0/epilogue:log#1", StreamEpilogue(stream="log"))


async def parting() -> str:
    log = get_writable(str, namespace="log")
    await log.write_at_end(completed=["over"], failed=["sorry"])
    await act("a")
    await log.write_at_end()
    return "parted"


class TestLastWords:
    def test_new(self) -> None:
        body = body_of(parting)
        assert requests(body) == [SAID[1:], (key("a"), step("app:a"))]
        turn(body, 1, (key("a"), done()))
        assert requests(body) == [SAID_AGAIN[1:]]

    def test_recorded(self) -> None:
        body = body_of(parting, SAID, A, (1, key("a"), done()), SAID_AGAIN)
        assert (requests(body), ended(body)) == ([], 'run_completed "parted"')

    def test_recorded_and_pending(self) -> None:
        assert requests(body_of(parting, SAID, A)) == []

    def test_others_are_a_divergence(self) -> None:
        body = body_of(parting, (0, "0/epilogue:log#0", StreamEpilogue(stream="log", completed=(raw('"bye"'),))), A)
        assert body.divergence is not None
        assert body.divergence.recorded == 'what the run\'s end writes to the stream log (completed: "bye")'

    def test_a_stream_that_the_body_has_closed_has_had_its_last_words(self) -> None:
        async def closing() -> None:
            out = get_writable(str)
            await out.close()
            await out.write_at_end(completed=["too late"])

        body = body_of(closing)
        assert (ended(body), [key for key, _ in requests(body)]) == ("run_failed", ["0/close#0"])
