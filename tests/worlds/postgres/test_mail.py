"""Letters: told in words, read in the order of acceptance, known by an index."""

import pytest

from perdure.model.ids import WorkerId
from perdure.testing.conformance.sample import do, letter_to, run_id, sent, start_of
from perdure.world import Send
from perdure.worlds.postgres import mail
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.mail import letter_words, send_words
from tests.worlds.postgres.database import plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


def test_words() -> None:
    letter = letter_to(1, "m", key="k\0")
    words = {"run": run_id(1), "mail": "m", "kind": "wake_requested", "key": "k\x01\x01", "payload": 1}
    assert letter_words(letter, Data()) == words
    assert send_words(Send(letter=letter), Data()) == words
    told = {"hook": "h", "owner": "w\x01\x01"}
    assert send_words(Send(letter=letter, hook="h", owner=WorkerId("w\0")), Data()) == words | told


async def test_order_is_that_of_acceptance(url: str) -> None:
    async with opened(url) as world:
        await do(world, start_of())
        await sent(world, *(letter_to(1, f"m{number}") for number in (3, 1, 2)))
        await sent(world, letter_to(1, "m0"), letter_to(1, "m3"))
        assert [letter.mail_id for letter in await world.read_mail(run_id(1))] == ["m3", "m1", "m2", "m0"]


async def test_indexes_are_used(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    assert "inbox_run_id_mail_id_key" in await plan_of(url, mail._READ, run_id(1000))
    known = await plan_of(url, mail._KNOWS, run_id(1000), "mail_1")
    assert "inbox_run_id_mail_id_key" in known
    assert "events_by_mail" in known
    assert "Seq Scan" not in known
