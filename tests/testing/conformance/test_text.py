"""Worlds that spoil texts and bytes fail a check."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import asdict, replace

from perdure.testing.conformance.text import CHECKS
from perdure.world import Append, Letter, Send, Start
from tests.testing.conformance.planted import Altered, Fault, caught, faults, idle

pytestmark = pytest.mark.anyio


def spoils(name: str, spoil: Callable[[Any], Any]) -> Fault:
    """Applies `spoil` to every text and to bytes, wherever they are."""

    def through(value: Any) -> Any:
        match value:
            case str() | bytes():
                return spoil(value)
            case dict():
                return {through(key): through(each) for key, each in value.items()}
            case tuple():
                return tuple(through(each) for each in value)
            case Struct():
                return replace(value, **{key: through(each) for key, each in asdict(value).items()})
            case _:
                return value

    class Spoiling(Altered):
        def alter_append(self, append: Append) -> Append:
            return through(append)

        def alter_start(self, start: Start) -> Start:
            return through(start)

        def alter_letter(self, send: Send) -> Letter:
            return through(send.letter)

    Spoiling.__name__ = name
    return Spoiling


def cut_at_nul(value: str | bytes) -> str | bytes:
    return value.split("\0")[0] if isinstance(value, str) else value


def bytes_as_text(value: str | bytes) -> str | bytes:
    return value.decode("utf-8", "replace").encode() if isinstance(value, bytes) else value


def doubled_quotes(value: str | bytes) -> str | bytes:
    return value.replace("'", "''") if isinstance(value, str) else value


def only_the_basic_plane(value: str | bytes) -> str | bytes:
    return "".join(char for char in value if ord(char) < 0x10000) if isinstance(value, str) else value


def at_most_a_megabyte(value: str | bytes) -> str | bytes:
    return value[: 1 << 20]


SPOILERS = (cut_at_nul, bytes_as_text, doubled_quotes, only_the_basic_plane, at_most_a_megabyte)
FAULTS: tuple[Fault, ...] = tuple(spoils(spoil.__name__, spoil) for spoil in SPOILERS)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
