"""Letters race on one file: one id is one letter."""

import asyncio
from pathlib import Path

import pytest

from perdure.testing.conformance.sample import do, letter_to, mail_of, record_of, start_of
from perdure.world import Send
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


async def test_one_of_many_tries_is_the_letter(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        await do(one, start_of(1))
        tries = [do(world, Send(letter=letter_to(1, f"m{number}"))) for number in range(5) for world in (one, other)]
        await asyncio.gather(*tries)
        assert sorted(await mail_of(one)) == ["m0", "m1", "m2", "m3", "m4"]
        assert (await record_of(other)).mail == 5
