"""Starts race on one file: one of them wins."""

import asyncio
from pathlib import Path

import pytest

from perdure.testing.conformance.sample import do, start_of
from perdure.world import Started
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


async def test_one_of_many_starts_with_a_key_makes_the_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        outcomes = await asyncio.gather(
            *(do(world, start_of(number, idempotency_key="k")) for number in range(20) for world in (one, other))
        )
        started = [outcome for outcome in outcomes if isinstance(outcome, Started)]
        assert sum(outcome.created for outcome in started) == 1
        assert len({outcome.run_id for outcome in started}) == 1
