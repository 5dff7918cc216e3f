"""Rows as events."""

import pytest
from msgspec.structs import replace

from perdure.codec.fact import pack
from perdure.engine.log import to_event, to_events
from perdure.errors import DecodeError
from perdure.model.event import Event, RunStarted
from perdure.model.ids import MailId, RunId
from perdure.testing.conformance.sample import log_of, start_of
from perdure.world import Row
from perdure.worlds.memory.world import MemoryWorld
from tests.core.hooks import OTHER, hook, taken

ROW = Row(seq=3, turn=2, epoch=4, type="run_started", key="k", payload=b'{"deployment":"d"}', at_ms=9)


def test_a_row_is_an_event() -> None:
    assert to_event(ROW) == Event(seq=3, turn=2, epoch=4, key="k", at_ms=9, fact=RunStarted(deployment="d"))


def test_a_letters_id_stays_with_it() -> None:
    row = Row(seq=1, turn=0, epoch=1, type="wake_requested", key="", payload=b"{}", at_ms=9, mail_id=MailId("mail_1"))
    assert to_event(row).mail_id == "mail_1"


def test_a_type_of_a_newer_version_is_said() -> None:
    row = Row(seq=1, turn=0, epoch=1, type="run_teleported", key="", payload=b"{}", at_ms=9)
    with pytest.raises(DecodeError) as caught:
        to_event(row)
    assert str(caught.value) == (
        "run_teleported can't be read back: no such type of event is known here: "
        "a newer perdure wrote it, so upgrade this one"
    )


def test_a_taken_token_is_the_hook_that_was_asked_for_and_who_has_it() -> None:
    """The World changes the type and names the owner; it can't look into payloads."""
    row = replace(ROW, type="hook_conflict", payload=pack(hook()), decided=OTHER)
    assert to_event(row).fact == taken()


def test_a_conflict_with_nobody_is_damage() -> None:
    row = replace(ROW, type="hook_conflict", payload=pack(hook()))
    with pytest.raises(DecodeError) as caught:
        to_event(row)
    assert str(caught.value) == "hook_conflict can't be read back: it doesn't say who has the token: the log is damaged"


@pytest.mark.anyio
async def test_a_log_is_its_rows_in_order() -> None:
    world = MemoryWorld()
    start = start_of(created=b'{"workflow":"w","input":{}}')
    await world.commit([start])
    [event] = to_events(await log_of(world))
    assert (event.seq, event.fact.type, RunId(start.run_id)) == (1, "run_created", start.run_id)
