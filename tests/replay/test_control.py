"""User code can't catch control flow by catching exceptions."""

import asyncio

import pytest

from perdure.replay.control import BodyClosed, BodyControl, BodyDiverged
from tests.replay.driven import Driven


@pytest.mark.parametrize("control", [BodyClosed, BodyDiverged])
def test_a_body_that_catches_every_exception_lets_it_pass(control: type[BodyControl]) -> None:
    async def ask() -> None:
        raise control

    caught: list[BaseException] = []

    async def main() -> None:
        try:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(ask())
            except* Exception as group_of:
                caught.append(group_of)
        except Exception as error:
            caught.append(error)

    driven = Driven()
    error = driven.begin(main()).exception()
    assert isinstance(error, BaseExceptionGroup) and isinstance(error.exceptions[0], control)
    assert caught == [] and driven.errors == []
    driven.put_away()
