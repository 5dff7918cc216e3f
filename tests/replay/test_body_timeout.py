"""`@workflow(timeout=…)`: a wait around the whole body, however the body ends.

The body's coroutine exists before the wait is asked for. Where that is refused, it is closed, not begun.
"""

import asyncio
import contextlib

import pytest

from perdure.model.event import AnyFact, CancelRequested, RunCancelled, RunFailed, WaitCompleted
from perdure.replay.body import Body
from tests.core.logs import done, step
from tests.core.logs import sleep as slept
from tests.replay.bodied import Line, act, body_of, deliver, ended, key, keys, requests
from tests.replay.driven import silence

A, C = key("a"), key("c")
LIMIT = "0/timeout#0"
DUE_MS = 2_000 + 30_000
CREATED: Line = (0, LIMIT, slept(DUE_MS, timeout=True))
CALLED: Line = (0, A, step("app:a", '{"value":1}'))
TIMED_OUT: tuple[str, AnyFact] = (LIMIT, WaitCompleted(due_ms=DUE_MS))
CANCEL: tuple[str, AnyFact] = ("", CancelRequested())

seen: list[str] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


async def flow() -> str:
    seen.append("begun")
    try:
        return await act("a", 1)
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    finally:
        seen.append("cleaning")
        await act("c", 3)
        seen.append("clean")


def limited(*lines: Line) -> Body:
    return body_of(flow, *lines, timeout_ms=30_000)


def fails_with(body: Body) -> str:
    assert isinstance(body.end, RunFailed), body.end
    return body.end.error.type


class TestInTime:
    def test_new(self) -> None:
        body = limited()
        assert requests(body) == [(LIMIT, CREATED[2]), (A, CALLED[2])]
        deliver(body, 1, (A, done('"well"')))
        deliver(body, 2, (C, done()))
        assert (ended(body), body.take_answer().released) == ('run_completed "well"', [LIMIT])
        deliver(body, 3, TIMED_OUT)
        assert ended(body) == 'run_completed "well"'

    def test_recorded(self) -> None:
        body = limited(CREATED, CALLED, (1, A, done('"well"')), (1, C, step("app:c", '{"value":3}')), (2, C, done()))
        assert (requests(body), ended(body)) == ([], 'run_completed "well"')

    def test_recorded_and_pending(self) -> None:
        body = limited(CREATED, CALLED)
        assert (requests(body), ended(body)) == ([], "")
        assert body.awaits(LIMIT)

    def test_an_error_of_the_body_is_its_own(self) -> None:
        async def broken() -> None:
            raise LookupError("no such order")

        assert fails_with(body_of(broken, timeout_ms=30_000)) == "builtins:LookupError"

    def test_a_result_that_cannot_be_recorded(self) -> None:
        async def useless() -> object:
            return object()

        assert fails_with(body_of(useless, timeout_ms=30_000)) == "perdure.errors:EncodeError"


class TestTooLate:
    def test_cleanup_acts_and_then_the_run_has_failed(self) -> None:
        body = limited()
        keys(body)
        deliver(body, 1, TIMED_OUT)
        answer = body.take_answer()
        assert ([key for key, _ in answer.requests], answer.released) == ([C], [A])
        assert body.end is None
        deliver(body, 2, (C, done()))
        assert fails_with(body) == "builtins:TimeoutError"
        assert seen == ["begun", "CancelledError", "cleaning", "clean"]

    def test_a_cancel_during_the_cleanup_ends_it_as_cancelled(self) -> None:
        body = limited()
        keys(body)
        deliver(body, 1, TIMED_OUT)
        deliver(body, 2, CANCEL)
        assert body.end == RunCancelled()
        assert seen == ["begun", "CancelledError", "cleaning"]


class TestCancelled:
    def test_cleanup_acts_and_the_wait_is_released(self) -> None:
        body = limited()
        keys(body)
        deliver(body, 1, CANCEL)
        assert keys(body) == [C]
        deliver(body, 2, (C, done()))
        assert (body.end, body.take_answer().released) == (RunCancelled(), [LIMIT])
        assert seen == ["begun", "CancelledError", "cleaning", "clean"]

    def test_the_time_is_up_during_the_cleanup(self) -> None:
        body = limited()
        keys(body)
        deliver(body, 1, CANCEL)
        deliver(body, 2, TIMED_OUT)
        assert body.end == RunCancelled()
        assert seen == ["begun", "CancelledError", "cleaning"]


class TestDiverged:
    @pytest.mark.parametrize(
        ("line", "recorded"),
        [
            (CALLED, 'step app:a({"value":1})'),
            ((0, LIMIT, slept(DUE_MS + 1, timeout=True)), f"timeout until {DUE_MS + 1} ms"),
        ],
    )
    def test_at_the_timeout_the_body_has_not_begun(
        self, line: Line, recorded: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The code has a timeout since, or another one."""
        with silence(capsys):
            body = limited(line)
            divergence = body.divergence
            assert (body.end, keys(body)) == (None, [])
            body.put_away()
            del body
        assert divergence is not None
        assert (divergence.recorded, divergence.attempted) == (recorded, f"timeout until {DUE_MS} ms")
        assert seen == []

    def test_in_the_body_its_cleanup_gets_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        with silence(capsys):
            body = limited(CREATED, (0, C, step("app:c", '{"value":3}')))
            assert body.divergence is not None
            assert body.divergence.attempted == 'step app:a({"value":1})'
            assert (body.end, keys(body)) == (None, [])
            body.put_away()
            del body
        assert seen == ["begun", "BodyDiverged", "cleaning"]

    def test_in_the_cleanup_after_the_time_was_up(self, capsys: pytest.CaptureFixture[str]) -> None:
        with silence(capsys):
            body = limited(CREATED, CALLED, (1, *TIMED_OUT), (1, key("b"), step("app:b", '{"value":2}')))
            assert body.divergence is not None
            assert body.divergence.attempted == 'step app:c({"value":3})'
            assert (body.end, keys(body)) == (None, [])
            body.put_away()
            del body
        assert seen == ["begun", "CancelledError", "cleaning"]


class TestPutAway:
    @pytest.mark.parametrize(
        ("turn", "also_seen"),
        [
            (None, ["BodyClosed", "cleaning"]),
            (TIMED_OUT, ["CancelledError", "cleaning"]),
            (CANCEL, ["CancelledError", "cleaning"]),
        ],
    )
    def test_cleanup_gets_nothing(
        self, turn: tuple[str, AnyFact] | None, also_seen: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with silence(capsys):
            body = limited()
            asked = keys(body)
            if turn is not None:
                deliver(body, 1, turn)
                asked += keys(body)
            body.put_away()
            assert (body.end, keys(body)) == (None, [])
            del body
        assert asked == ([LIMIT, A] if turn is None else [LIMIT, A, C])
        assert seen == ["begun", *also_seen]

    def test_whoever_catches_it_and_returns_has_not_ended(self, capsys: pytest.CaptureFixture[str]) -> None:
        async def stubborn() -> str:
            with contextlib.suppress(BaseException):
                await act("a", 1)
            return "done anyway"

        with silence(capsys):
            body = body_of(stubborn, timeout_ms=30_000)
            body.put_away()
            assert body.end is None
            del body

    def test_whoever_awaits_for_ever_is_left_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        tries: list[str] = []

        async def stubborn() -> None:
            while True:
                try:
                    await asyncio.get_running_loop().create_future()
                except BaseException as error:
                    tries.append(type(error).__name__)

        with silence(capsys):
            body = body_of(stubborn, timeout_ms=30_000)
            body.put_away()
            assert (body.end, keys(body)) == (None, [LIMIT])
            del body
        assert set(tries) == {"BodyClosed"}, "it is never closed, which would act on a GeneratorExit"


class TestMisfit:
    def test_arguments_that_do_not_fit_fail_before_the_wait(self, capsys: pytest.CaptureFixture[str]) -> None:
        with silence(capsys):
            body = body_of(flow, timeout_ms=30_000, input='{"n":1}')
            assert (fails_with(body), keys(body), seen) == ("perdure.errors:ArgumentsInvalid", [], [])

    def test_and_park_an_old_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        with silence(capsys):
            body = body_of(flow, CREATED, CALLED, timeout_ms=30_000, input='{"n":1}')
            assert body.divergence is not None
            assert body.divergence.recorded == 'input {"n":1}'
            assert (body.end, keys(body), seen) == (None, [], [])
