"""A log in, a body's requests out: new, recorded, recorded and pending; its end, its divergence, its putting away."""

import asyncio
import contextlib
from typing import Any

import pytest

from perdure import now, patched, random, sleep, timeout
from perdure.core.history import History
from perdure.model.event import CancelRequested, PatchMarked, RunCancelled, RunFailed, StepCompleted, WaitCompleted
from perdure.replay.body import Body, current_body
from tests.core.logs import done, failed, log, raw, step
from tests.core.logs import sleep as slept
from tests.replay.bodied import ME, Line, act, body_of, deliver, ended, key, keys, requests, workflow_of

A, B, C = key("a"), key("b"), key("c")
SLEEP = "0/sleep#0"


def a(input: str = '{"value":1}') -> Any:
    return step("app:a", input)


def b() -> Any:
    return step("app:b", '{"value":2}')


async def two() -> list[int]:
    return [await act("a", 1), await act("b", 2)]


async def both() -> list[int]:
    return list(await asyncio.gather(act("a", 1), act("b", 2)))


async def nap() -> str:
    await sleep(60)
    return "awake"


class TestSteps:
    def test_new(self) -> None:
        body = body_of(two)
        assert requests(body) == [(A, a())]
        deliver(body, 1, (A, done("10")))
        assert requests(body) == [(B, b())]
        deliver(body, 2, (B, done("20")))
        assert ended(body) == "run_completed [10,20]"

    def test_recorded(self) -> None:
        body = body_of(two, (0, A, a()), (1, A, done("10")), (1, B, b()), (2, B, done("20")))
        assert requests(body) == []
        assert ended(body) == "run_completed [10,20]"

    def test_recorded_and_pending(self) -> None:
        body = body_of(two, (0, A, a()), (1, A, done("10")), (1, B, b()))
        assert (requests(body), ended(body)) == ([], "")
        assert body.awaits(B)
        assert not body.awaits(A)
        deliver(body, 2, (B, done("20")))
        assert ended(body) == "run_completed [10,20]"

    def test_an_answer_that_is_missing_is_asked_for_again(self) -> None:
        """T4: the last turn's answer wasn't written."""
        assert keys(body_of(two, (0, A, a()), (1, A, done("10")))) == [B]

    def test_a_failure_is_raised(self) -> None:
        async def careful() -> str:
            try:
                return await act("a", 1)
            except ValueError as error:
                return f"caught {error}"

        body = body_of(careful, (0, A, a()), (1, A, failed()))
        assert ended(body) == 'run_completed "caught boom"'


class TestBranches:
    @pytest.mark.parametrize("order", ["ab", "ba"])
    def test_any_order_of_completion(self, order: str) -> None:
        in_a, in_b = key("a", "0.1"), key("b", "0.2")
        facts = {"a": (in_a, done("10")), "b": (in_b, done("20"))}
        live = body_of(both)
        assert keys(live) == [in_a, in_b]
        for turn, which in enumerate(order, 1):
            deliver(live, turn, facts[which])
        assert ended(live) == "run_completed [10,20]"
        lines: list[Line] = [(0, in_a, a()), (0, in_b, b())]
        lines += [(turn, *facts[which]) for turn, which in enumerate(order, 1)]
        assert ended(body_of(both, *lines)) == "run_completed [10,20]"

    def test_two_deliveries_of_one_turn_are_seen_one_by_one(self) -> None:
        seen: list[str] = []

        async def branch(name: str, value: int) -> None:
            await act(name, value)
            seen.append(f"{name} of {len(seen)}")

        async def flow() -> list[str]:
            await asyncio.gather(branch("a", 1), branch("b", 2))
            return seen

        body = body_of(flow)
        keys(body)
        deliver(body, 1, (key("b", "0.2"), done("2")), (key("a", "0.1"), done("1")))
        assert ended(body) == 'run_completed ["b of 0","a of 1"]'

    def test_the_first_of_two_that_are_ready_wins_in_log_order(self) -> None:
        async def raced() -> str:
            tasks = [asyncio.create_task(act("a", 1)), asyncio.create_task(act("b", 2))]  # type: ignore[arg-type]
            while not any(task.done() for task in tasks):
                await asyncio.sleep(0)
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return ",".join(str(index) for index, task in enumerate(tasks) if task.done())

        body = body_of(raced)
        keys(body)
        deliver(body, 1, (key("b", "0.2"), done("2")), (key("a", "0.1"), done("1")))
        assert ended(body) == 'run_completed "1"'


class TestReleases:
    def test_a_cancelled_step_is_released_and_its_late_outcome_does_nothing(self) -> None:
        async def limited() -> str:
            try:
                async with timeout(5):
                    return await act("a", 1)
            except TimeoutError:
                return await act("c", 3)

        limit = "0/timeout#0"
        body = body_of(limited)
        assert keys(body) == [limit, A]
        deliver(body, 1, (limit, WaitCompleted(due_ms=7_000)))
        answer = body.take_answer()
        assert ([key for key, _ in answer.requests], answer.released) == ([C], [A])
        deliver(body, 2, (A, done("1")))
        assert ended(body) == ""
        deliver(body, 3, (C, done("3")))
        assert ended(body) == "run_completed 3"

    def test_a_timer_that_is_not_needed_any_more_is_released(self) -> None:
        async def limited() -> int:
            async with timeout(5):
                return await act("a", 1)

        body = body_of(limited)
        keys(body)
        deliver(body, 1, (A, done("1")))
        assert body.take_answer().released == ["0/timeout#0"]


class TestTime:
    def test_it_stands_still_within_a_turn_and_moves_with_the_log(self) -> None:
        moments: list[float] = []

        async def flow() -> None:
            for _ in range(2):
                moments.append(now().timestamp())
            await act("a", 1)
            moments.append(now().timestamp())
            moments.append(asyncio.get_running_loop().time())

        body = body_of(flow)
        keys(body)
        deliver(body, 1, (A, done()), at_ms=77_000)
        assert moments == [2.0, 2.0, 77.0, 77.0]
        assert body.started_at_ms == 2_000

    def test_a_clock_that_was_set_back_is_not_followed(self) -> None:
        async def flow() -> float:
            await act("a", 1)
            return now().timestamp()

        body = body_of(flow)
        keys(body)
        deliver(body, 1, (A, done()), at_ms=1_000)
        assert ended(body) == "run_completed 2.0"

    def test_a_sleep_is_a_wait_until_then(self) -> None:
        body = body_of(nap)
        assert requests(body) == [(SLEEP, slept(2_000 + 60_000))]
        deliver(body, 1, (SLEEP, WaitCompleted(due_ms=62_000)))
        assert ended(body) == 'run_completed "awake"'


class TestPatches:
    @staticmethod
    async def flow() -> int:
        if patched("new"):
            return await act("b", 2)
        return await act("a", 1)

    def test_a_new_run_takes_the_new_path_and_says_so(self) -> None:
        answer = body_of(self.flow).take_answer()
        assert (answer.marks, [key for key, _ in answer.requests]) == ([PatchMarked(name="new", answer=True)], [B])

    def test_an_old_run_keeps_the_old_one_and_says_so(self) -> None:
        answer = body_of(self.flow, (0, A, a())).take_answer()
        assert (answer.marks, answer.requests) == ([PatchMarked(name="new", answer=False)], [])

    @pytest.mark.parametrize(("marked", "asked"), [(True, B), (False, A)])
    def test_what_was_marked_holds(self, marked: bool, asked: str) -> None:
        body = body_of(self.flow, (0, "patch:new", PatchMarked(name="new", answer=marked)))
        answer = body.take_answer()
        assert (answer.marks, [key for key, _ in answer.requests]) == ([], [asked])


class TestCancel:
    CANCEL = ("", CancelRequested(reason="enough"))

    def test_it_is_raised_at_the_await(self) -> None:
        body = body_of(two)
        keys(body)
        deliver(body, 1, self.CANCEL)
        assert body.end == RunCancelled()
        assert body.take_answer().released == [A]

    def test_cleanup_runs_and_a_second_cancel_changes_nothing(self) -> None:
        async def cleaning() -> None:
            try:
                await act("a", 1)
            finally:
                await act("c", 3)

        body = body_of(cleaning)
        keys(body)
        deliver(body, 1, self.CANCEL)
        assert keys(body) == [C]
        deliver(body, 2, self.CANCEL)
        assert body.end is None
        deliver(body, 3, (C, done()))
        assert body.end == RunCancelled()

    def test_whoever_catches_it_may_complete(self) -> None:
        async def stubborn() -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await act("a", 1)
            return "done anyway"

        body = body_of(stubborn, (0, A, a()), (1, *self.CANCEL))
        assert ended(body) == 'run_completed "done anyway"'

    def test_a_body_that_cancels_itself_has_failed(self) -> None:
        async def flow() -> None:
            raise asyncio.CancelledError

        end = body_of(flow).end
        assert isinstance(end, RunFailed)
        assert (end.error.type, end.error.message) == (
            "asyncio.exceptions:CancelledError",
            "the workflow cancelled itself",
        )


class TestEnds:
    @pytest.mark.parametrize(
        ("error", "type"),
        [
            (ValueError("no"), "builtins:ValueError"),
            (KeyboardInterrupt(), "builtins:KeyboardInterrupt"),
            (SystemExit(2), "builtins:SystemExit"),
            (GeneratorExit(), "builtins:GeneratorExit"),
        ],
    )
    def test_an_exception(self, error: BaseException, type: str) -> None:
        async def flow() -> None:
            raise error

        end = body_of(flow).end
        assert isinstance(end, RunFailed)
        assert end.error.type == type

    def test_a_result_that_cannot_be_recorded(self) -> None:
        async def flow() -> object:
            return {"rows": [object()]}

        end = body_of(flow).end
        assert isinstance(end, RunFailed)
        assert end.error.message.startswith('result["rows"][0] can\'t be recorded: it is an object, ')

    def test_other_tasks_end_with_the_main_one(self) -> None:
        asked: list[str] = []

        async def background() -> None:
            try:
                await act("a", 1)
            finally:
                asked.append("cleaning")
                await act("c", 3)

        async def flow() -> str:
            keep = asyncio.create_task(background())
            await act("b", 2)
            return f"{keep.done()}"

        body = body_of(flow)
        assert keys(body) == [B, key("a", "0.1")]
        deliver(body, 1, (B, done()))
        assert ended(body) == 'run_completed "False"'
        assert (asked, keys(body)) == (["cleaning"], []), "its cleanup gets nothing that it asks for"

    def test_after_it_nothing_is_delivered(self) -> None:
        async def flow() -> int:
            return 1

        body = body_of(flow)
        deliver(body, 1, (A, done()))
        assert ended(body) == "run_completed 1"


class TestArguments:
    @staticmethod
    async def flow(n: int, name: str = "Ann") -> str:
        return f"{name} {n}"

    @pytest.mark.parametrize(
        ("input", "result"), [('{"n":1}', "Ann 1"), ('{"n":1,"name":"Bob"}', "Bob 1"), ('[1,"Bob"]', "Bob 1")]
    )
    def test_by_name_or_by_position(self, input: str, result: str) -> None:
        assert ended(body_of(self.flow, input=input)) == f'run_completed "{result}"'

    @pytest.mark.parametrize(
        ("input", "error"),
        [
            ('{"n":"x"}', "perdure.errors:DecodeError"),
            ("{}", "perdure.errors:ArgumentsInvalid"),
            ("[1,2,3]", "perdure.errors:ArgumentsInvalid"),
        ],
    )
    def test_what_does_not_fit_fails_a_new_run(self, input: str, error: str) -> None:
        end = body_of(self.flow, input=input).end
        assert isinstance(end, RunFailed)
        assert end.error.type == error

    def test_and_parks_an_old_one(self) -> None:
        """P9: the log was written by other parameters."""
        body = body_of(self.flow, (0, A, a()), input='{"n":"x"}')
        assert body.end is None
        assert body.divergence is not None
        assert body.divergence.recorded == 'input {"n":"x"}'
        assert body.divergence.attempted.startswith("n can't be read back: ")


def test_the_body_is_known_to_its_own_code_only() -> None:
    found: list[Body | None] = []

    async def flow() -> None:
        found.append(current_body())

    body = body_of(flow)
    assert found == [body]
    assert current_body() is None


def test_a_log_without_a_start_has_no_body() -> None:
    history = History(log()[:1])
    body = Body(run_id=ME, definition=workflow_of(two), input=raw("{}"), history=history, new_token=lambda: "token")
    with pytest.raises(AssertionError, match="L6: run_started is committed before the first activation"):
        body.begin()


def test_an_exception_that_nobody_took_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ValueError("nobody looks")

    async def flow() -> int:
        task = asyncio.create_task(broken())
        await asyncio.sleep(0)
        del task
        return await act("a", 1)

    live = body_of(flow)
    keys(live)
    deliver(live, 1, (A, done()))
    assert [record.getMessage() for record in caplog.records] == [f"run {ME}: Task exception was never retrieved"]
    caplog.clear()
    replayed = body_of(flow, (0, A, a()), (1, A, done()))
    assert ended(replayed) == ended(live) == "run_completed 1"
    woken = body_of(flow, (0, A, a()))
    deliver(woken, 1, (A, done()))
    assert ended(woken) == ended(live)
    assert caplog.records == []


def test_where_values_are_secret_the_log_has_its_type_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    secret = "card 4242"

    async def broken() -> None:
        raise ValueError(secret)

    async def flow() -> int:
        asyncio.create_task(broken())  # noqa: RUF006
        await asyncio.sleep(0)
        return await act("a", 1)

    made, history = workflow_of(flow), History(log())
    body = Body(
        run_id=ME, definition=made, input=raw("{}"), history=history, new_token=str, show=lambda value: "a digest"
    )
    body.begin()
    keys(body)
    deliver(body, 1, (A, done()))
    [record] = caplog.records
    assert record.getMessage().startswith(f"run {ME}: a task of the workflow failed (ValueError)\n")
    assert "in broken" in record.getMessage()
    assert record.exc_info is None
    assert "4242" not in caplog.text


@pytest.mark.parametrize("length", range(8))
def test_every_prefix_asks_for_what_the_log_has_next(length: int) -> None:
    async def flow() -> list[float]:
        first = await act("a", 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(nap())
            second = group.create_task(act("b", 2))  # type: ignore[arg-type]
        return [first, second.result(), random()]

    asleep, in_b = "0.1/sleep#0", key("b", "0.2")
    lines: list[Line] = [
        (0, A, a()),
        (1, A, done("10")),
        (1, asleep, slept(63_000 + 1_000)),
        (1, in_b, b()),
        (2, in_b, StepCompleted(attempt=1, result=raw("20"))),
        (3, asleep, WaitCompleted(due_ms=64_000)),
    ]
    body = body_of(flow, *lines[:length])
    asked = keys(body)
    if length == 0:
        assert asked == [A]
    elif length == 2:
        assert asked == [asleep, in_b]
    elif length == 3:
        assert body.divergence is not None, "T1: an answer is written as a whole"
    else:
        assert asked == []
    if length < len(lines):
        assert body.end is None
    else:
        assert ended(body).startswith("run_completed [10,20,0.")
