"""A leash: orders down, one word up, and what its end means."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from perdure.cli.leash import DRAIN, HURRY, WORKS, Leash

pytestmark = pytest.mark.anyio


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, Leash]]:
    holder, held = socket.socketpair()
    number = held.detach()
    os.set_inheritable(number, True)
    leash = Leash(number)
    assert not os.get_inheritable(number)
    with holder:
        yield holder, leash
    leash._end.close()


class Heard:
    def __init__(self, leash: Leash) -> None:
        self.words: list[str] = []
        self.came = asyncio.Event()
        leash.obey(lambda: self.hear("drain"), lambda: self.hear("hurry"))

    def hear(self, word: str) -> None:
        self.words.append(word)
        self.came.set()

    async def next(self) -> list[str]:
        await asyncio.wait_for(self.came.wait(), 30)
        self.came.clear()
        return self.words


async def test_orders(line: tuple[socket.socket, Leash]) -> None:
    holder, leash = line
    heard = Heard(leash)
    holder.send(DRAIN)
    assert await heard.next() == ["drain"]
    holder.send(HURRY)
    assert await heard.next() == ["drain", "hurry"]


async def test_orders_that_came_before_it_listens(line: tuple[socket.socket, Leash]) -> None:
    holder, leash = line
    holder.send(DRAIN + HURRY)
    assert await Heard(leash).next() == ["drain", "hurry"]


async def test_who_is_let_go_drains_once(line: tuple[socket.socket, Leash]) -> None:
    holder, leash = line
    heard = Heard(leash)
    holder.close()
    assert await heard.next() == ["drain"]
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard.words == ["drain"], "it doesn't read on"
    leash.works()  # nobody hears it, and nothing is raised


async def test_it_says_that_it_works(line: tuple[socket.socket, Leash]) -> None:
    holder, leash = line
    leash.works()
    assert holder.recv(10) == WORKS
