"""The plain append and the other one say the same: what takes the short way takes the long one too."""

from pathlib import Path

import pytest

from perdure.testing.conformance import CHECKS, Check, VirtualClock
from perdure.testing.conformance.sample import append_to, born, done, record_of
from perdure.worlds.sqlite import append as module
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio

APPENDING = [check for check in CHECKS if check.__module__.rpartition(".")[2] in ("append", "claim", "letter")]


@pytest.mark.parametrize("check", APPENDING, ids=lambda check: check.__name__)
async def test_the_long_way_alone_conforms(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_plain", lambda append, now_ms: False)
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        await check(world, clock)


async def test_a_plain_append_takes_the_short_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def long_way(*_: object) -> None:
        raise AssertionError("the hot path")

    monkeypatch.setattr(module, "_append_more", long_way)
    async with opened(tmp_path) as world:
        await born(world)
        await done(world, append_to(1, 3, turn_completed=True))
        await done(world, append_to(1, 4, due_ms=1))
        assert (await record_of(world)).length == 4
