"""Retries of steps: how often, when, for which exceptions, and what the workflow catches in the end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import FatalError, Retry, RetryableError, RunFailed, get_step_metadata, start, step, workflow
from tests.api.following import facts, types_of, waiting_for

pytestmark = pytest.mark.anyio

SOON = Retry(delay=0.001, jitter=0)
attempts: list[int] = []
seen: list[Any] = []


@pytest.fixture(autouse=True)
def no_attempts() -> None:
    attempts.clear()
    seen.clear()


class Broken(Exception):
    """What a step of ours raises."""

    def __init__(self, code: int, *, detail: str = "") -> None:
        super().__init__(f"broken with {code}")
        self.code, self.detail = code, detail


def attempt() -> int:
    attempts.append(get_step_metadata().attempt)
    return attempts[-1]


# -- how often


@step(retry=SOON)
async def succeeds_in_attempt(n: int) -> str:
    if attempt() < n:
        raise ValueError("not yet")
    return "done"


@workflow
async def patient(n: int) -> str:
    return await succeeds_in_attempt(n)


async def test_a_step_that_fails_is_tried_again() -> None:
    run = await start(patient, 3)
    assert await run.result() == "done"
    assert attempts == [1, 2, 3]
    assert [event["attempt"] for event in await facts(run, "step_retrying")] == [1, 2]
    assert (await facts(run, "step_completed"))[0]["attempt"] == 3


async def test_three_retries_are_four_attempts() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(patient, 9)).result()
    assert attempts == [1, 2, 3, 4]
    assert str(caught.value.__cause__) == "not yet"


@step(max_retries=0)
async def runs_once() -> None:
    attempt()
    raise ValueError("never again")


@workflow
async def hasty() -> None:
    await runs_once()


async def test_no_retries_run_once() -> None:
    with pytest.raises(RunFailed):
        await (await start(hasty)).result()
    assert attempts == [1]


@step(retry=Retry(max_retries=1, delay=0.001))
def sync_step_that_fails_once() -> str:
    if attempt() == 1:
        raise ValueError("not yet")
    return "done"


@workflow
async def in_a_thread() -> str:
    return await sync_step_that_fails_once()


async def test_sync_steps_are_tried_again_too() -> None:
    assert await (await start(in_a_thread)).result() == "done"
    assert attempts == [1, 2]


@step(retry=SOON)
async def remembers_its_step_id() -> None:
    seen.append((get_step_metadata().step_id, get_step_metadata().started_at))
    if len(seen) < 3:
        raise ValueError("not yet")


@workflow
async def asks_for_its_id() -> None:
    await remembers_its_step_id()


async def test_the_step_id_is_the_same_in_every_attempt() -> None:
    run = await start(asks_for_its_id)
    await run.result()
    assert len(seen) == 3
    assert len(set(seen)) == 1
    [info] = [info async for info in run.steps()]
    assert info.step_id == seen[0][0]


# -- when


@step(retry=Retry(max_retries=3, delay="1h", factor=3.0, max_delay="2h", jitter=0))
async def waits_long() -> None:
    raise ValueError("not yet")


@workflow
async def sleeps_between() -> None:
    await waits_long()


async def test_back_off_is_recorded_and_told() -> None:
    run = await start(sleeps_between)
    info = await waiting_for(run, "retry")
    [event] = [event async for event in run.events() if event.type == "step_retrying"]
    retry_at = datetime.fromtimestamp(event.data["retryAtMs"] / 1000, UTC)
    assert timedelta(minutes=59) < retry_at - event.at <= timedelta(hours=1)
    [reason] = info.waiting_for
    assert reason.until == retry_at
    assert info.waiting_sentence == (
        f"waiting for the next attempt of {__name__}:waits_long, after attempt 1 failed with ValueError: not yet, "
        f"until {retry_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    [step_info] = [each async for each in run.steps()]
    assert (step_info.status, step_info.attempt, step_info.retry_at) == ("retrying", 1, retry_at)
    assert step_info.error is not None
    assert (step_info.error.type, step_info.error.message) == ("ValueError", "not yet")


@step(retry=Retry(max_retries=4, delay=0.002, factor=2.0, max_delay=0.006, jitter=0))
async def fails_always() -> None:
    attempt()
    raise ValueError("never")


@workflow
async def counts_delays() -> None:
    await fails_always()


async def test_delays_grow_up_to_the_cap() -> None:
    run = await start(counts_delays)
    with pytest.raises(RunFailed):
        await run.result()
    events = [event async for event in run.events() if event.type == "step_retrying"]
    asked = [event.data["retryAtMs"] for event in events]
    # `at` is the store's at the commit, a little after the failure: each delay is at least what is left of it
    begun = [event.at.timestamp() * 1000 for event in events]
    assert all(next_begun >= due for due, next_begun in zip(asked, begun[1:], strict=False))
    assert len(events) == 4


@step
async def comes_back(after: Any) -> str:
    if attempt() == 1:
        raise RetryableError("rate limited", retry_after=after)
    return "done"


@workflow
async def is_rate_limited(after: Any) -> str:
    return await comes_back(after)


@pytest.mark.parametrize("after", [0.002, "2ms", timedelta(milliseconds=2), datetime(2020, 1, 1, tzinfo=UTC)])
async def test_retry_after_says_when(after: Any) -> None:
    run = await start(is_rate_limited, after)
    assert await run.result() == "done"
    [event] = [event async for event in run.events() if event.type == "step_retrying"]
    early = timedelta(milliseconds=event.data["retryAtMs"]) - (event.at - datetime(1970, 1, 1, tzinfo=UTC))
    assert early <= timedelta(milliseconds=2), "the policy's own delay is a second"


@pytest.mark.parametrize("after", ["soon", datetime(2030, 1, 1), -1])
async def test_a_retry_after_that_is_no_duration_fails_the_step(after: Any) -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(is_rate_limited, after)).result()
    assert str(caught.value).startswith(
        f"run {caught.value.run_id} failed: DurationInvalid: {after!r} is no duration: "
    )
    assert attempts == [1]


@step(retry=Retry(max_retries=0))
async def retryable_without_a_budget() -> None:
    raise RetryableError("rate limited", retry_after="1h")


@workflow
async def spends_its_budget() -> None:
    await retryable_without_a_budget()


async def test_a_retryable_error_keeps_to_the_budget_and_comes_back_as_itself() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(spends_its_budget)).result()
    cause = caught.value.__cause__
    assert type(cause) is RetryableError
    assert str(cause) == "rate limited"
    assert cause.retry_after == "1h"


# -- for which


@step(retry=Retry(delay=0.001, retry_on=(OSError,), give_up_on=(FileNotFoundError,)))
async def picky(error: str) -> None:
    attempt()
    raise {"connection": ConnectionError, "file": FileNotFoundError, "value": ValueError}[error](error)


@workflow
async def runs_picky(error: str) -> None:
    await picky(error)


@pytest.mark.parametrize(("error", "times"), [("connection", 4), ("file", 1), ("value", 1)])
async def test_retry_on_and_give_up_on(error: str, times: int) -> None:
    with pytest.raises(RunFailed):
        await (await start(runs_picky, error)).result()
    assert attempts == [*range(1, times + 1)]


@step(retry=Retry(delay=0.001, retry_on=lambda error: "again" in str(error)))
async def picky_by_predicate(text: str) -> None:
    attempt()
    raise ValueError(text)


@workflow
async def runs_picky_by_predicate(text: str) -> None:
    await picky_by_predicate(text)


@pytest.mark.parametrize(("text", "times"), [("again", 4), ("never", 1)])
async def test_a_predicate_says_what_is_retried(text: str, times: int) -> None:
    with pytest.raises(RunFailed):
        await (await start(runs_picky_by_predicate, text)).result()
    assert len(attempts) == times


@step(retry=Retry(delay=0.001, retry_on=lambda error: bool(1 / 0)))
async def has_a_broken_predicate() -> None:
    attempt()
    raise ValueError("mine")


@workflow
async def runs_a_broken_predicate() -> None:
    await has_a_broken_predicate()


async def test_a_predicate_that_raises_ends_the_step_with_what_it_raised() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(runs_a_broken_predicate)).result()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert attempts == [1]


@step
async def no_such_card() -> None:
    attempt()
    raise FatalError("no such card")


@workflow
async def catches_fatal() -> str:
    try:
        await no_such_card()
    except FatalError as error:
        return f"{type(error).__name__}: {error} {getattr(error, '__notes__', [])}"
    return "charged"


async def test_a_fatal_error_is_not_retried_and_caught_as_itself() -> None:
    assert await (await start(catches_fatal)).result() == "FatalError: no such card []"
    assert attempts == [1]


# -- what the workflow catches


@step(retry=Retry(max_retries=1, delay=0.001))
async def breaks(code: int) -> None:
    attempt()
    raise Broken(code, detail="wires") from KeyError("why")


@workflow
async def catches() -> dict[str, Any]:
    try:
        await breaks(7)
    except Broken as error:
        return {
            "text": str(error),
            "code": error.code,
            "detail": error.detail,
            "cause": repr(error.__cause__),
            "notes": error.__notes__,
        }
    return {}


async def test_an_exception_comes_back_as_itself_with_notes() -> None:
    found = await (await start(catches)).result()
    [note] = found.pop("notes")
    assert found == {"text": "broken with 7", "code": 7, "detail": "wires", "cause": "KeyError('why')"}
    assert note.startswith(f"step {__name__}:breaks failed in attempt 2, ")
    assert note.endswith(" s after its first began")


@step(max_retries=0)
async def raises_a_group() -> None:
    raise ExceptionGroup("several", [ValueError("one"), Broken(2)])


@workflow
async def catches_a_group() -> list[str]:
    found: list[str] = []
    try:
        await raises_a_group()
    except* ValueError as group:
        found.append(repr(group.exceptions[0]))
    except* Broken as group:
        found.append(f"code {group.exceptions[0].code}")  # type: ignore[union-attr]
    return found


async def test_an_exception_group_comes_back_as_itself() -> None:
    assert await (await start(catches_a_group)).result() == ["ValueError('one')", "code 2"]


@workflow
async def goes_on() -> str:
    try:
        await runs_once()
    except ValueError:
        return await succeeds_in_attempt(len(attempts) + 1)
    return "unreachable"


async def test_a_workflow_may_go_on_after_a_failure() -> None:
    run = await start(goes_on)
    assert await run.result() == "done"
    assert (await types_of(run)).count("step_failed") == 1
