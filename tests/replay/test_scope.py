"""What a verb finds when it is called."""

import asyncio
from contextvars import copy_context

import pytest
from msgspec import Raw

from perdure.model.ids import RunId, step_id
from perdure.replay.body import current_body
from perdure.replay.scope import SCOPE, Attempt, current_attempt
from tests.replay.bodied import body_of

RUN, KEY = RunId("wrun_1"), "0/step:app:charge#0"


def attempt(progress: bytes | None = None, number: int = 1) -> Attempt:
    return Attempt(RUN, KEY, "app:charge", number, 5, None if progress is None else Raw(progress))


def test_outside_there_is_none() -> None:
    assert SCOPE.get() is None
    assert current_attempt() is None
    assert current_body() is None


def test_in_a_step_it_is_the_attempt() -> None:
    here = attempt()

    def look() -> None:
        SCOPE.set(here)
        assert current_attempt() is here
        assert current_body() is None

    copy_context().run(look)
    assert current_attempt() is None


def test_in_a_body_it_is_the_body_in_all_of_its_tasks() -> None:
    found: list[object] = []

    async def look() -> None:
        found.extend((current_body(), current_attempt()))

    async def flow() -> None:
        await look()
        await asyncio.create_task(look())

    body = body_of(flow)
    assert found == [body, None, body, None]


def test_a_steps_id_is_that_of_its_place() -> None:
    assert attempt().step_id == attempt(number=3).step_id == step_id(RUN, KEY)


def test_runs_that_it_starts_have_keys_that_a_retry_repeats() -> None:
    first, second = attempt(), attempt(number=2)
    keys = [first.next_start_key(), first.next_start_key()]
    assert keys == [f"{first.step_id}/1", f"{first.step_id}/2"]
    assert [second.next_start_key(), second.next_start_key()] == keys


@pytest.mark.parametrize(("recorded", "progress"), [(None, None), (b'{"page":3}', {"page": 3}), (b"null", None)])
def test_progress_of_an_earlier_attempt(recorded: bytes | None, progress: object) -> None:
    assert attempt(recorded).progress == progress


def test_what_the_engine_hears_is_the_engines() -> None:
    with pytest.raises(NotImplementedError):
        attempt().beat(None)
    with pytest.raises(NotImplementedError):
        attempt().set_attributes({})
