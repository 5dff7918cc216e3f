"""A body that tells how far it has come, and asks for nothing while somebody looks."""

from collections.abc import Callable
from typing import Any

import pytest

from perdure import UsageError, now, patched, random, sleep, start
from perdure.core.history import History
from perdure.model.event import Event, StepCreated
from perdure.replay.trial import outside_of_tasks
from perdure.testing import Lab
from perdure.testing.debugger.body import WatchedBody
from perdure.testing.debugger.recording import Recording
from tests.testing.debugger.conftest import Record
from tests.testing.debugger.trips import changed, fare, shorter, travel

pytestmark = pytest.mark.anyio


class Diary:
    """A watcher that writes down what it is told; `then` is called with each word."""

    def __init__(self, then: Callable[[str], None] = lambda _: None) -> None:
        self.told: list[str] = []
        self._then = then

    def asks(self, key: str) -> None:
        self._note(f"asks {key}")

    def gets(self, event: Event) -> None:
        self._note(f"gets {event.seq}")

    def settles(self) -> None:
        self._note("settles")

    def settled(self) -> None:
        self._note("settled")

    def diverges(self) -> None:
        self._note("diverges")

    def _note(self, word: str) -> None:
        self.told.append(word)
        self._then(word)


def body_of(recording: Recording, diary: Diary, events: int | None = None) -> WatchedBody:
    return WatchedBody(
        diary,
        run_id=recording.run_id,
        definition=recording.definition,
        input=recording.created.input,
        history=History(recording.events[:events]),
        new_token=lambda: "t",
        origin=None,
    )


async def begun(recording: Recording, diary: Diary, events: int | None = None) -> WatchedBody:
    body = body_of(recording, diary, events)

    def begin() -> None:
        body.begin()
        body.put_away()

    await outside_of_tasks(begin)
    return body


async def test_what_it_tells(lab: Lab, record: Record) -> None:
    diary = Diary()
    body = await begun(await record(await start(travel, "Rome")), diary)
    rest = ["settles", "settled"]
    assert diary.told == [
        "asks 0/step:trip:fare#0", *rest, "gets 4", "asks 0/step:trip:book#0", *rest, "gets 6", *rest
    ]  # fmt: skip
    assert body.first is not None and body.first.f_code is travel.fn.__code__
    assert body.first.f_locals["booked"] == "Rome/41"


async def test_what_is_not_in_the_log_yet(lab: Lab, record: Record) -> None:
    recording, seen = await record(await start(travel, "Rome")), list[Any]()
    body: WatchedBody

    def look(word: str) -> None:
        if word == "settled":
            seen.append((body.asked_anew(), body.awaited("0"), body.awaited("0.1")))

    body = body_of(recording, Diary(look), 4)
    await outside_of_tasks(body.begin)
    assert seen[0] == ([], ["0/step:trip:fare#0"], [])
    [request], keys, _ = seen[1]
    assert isinstance(request, StepCreated) and (request.name, keys) == ("trip:book", ["0/step:trip:book#0"])


async def test_where_it_does_not_fit(lab: Lab, record: Record) -> None:
    run = await start(travel, "Rome")
    diary = Diary()
    await begun(await record(run, changed), diary)
    assert diary.told[-3:] == ["diverges", "settles", "settled"]
    diary = Diary()
    body = await begun(await record(run, shorter), diary)
    assert "diverges" not in diary.told and body.divergence is not None


async def test_nothing_is_asked_for_while_somebody_looks(lab: Lab, record: Record) -> None:
    recording = await record(await start(travel, "Rome"))
    refused = list[str]()
    body: WatchedBody

    def look(word: str) -> None:
        if word.startswith("asks"):
            with body.looked_at():
                for verb in (random, lambda: patched("p"), lambda: sleep(1).send(None), lambda: fare("x").send(None)):
                    with pytest.raises(UsageError, match="this is a recording") as raised:
                        verb()  # type: ignore[operator]
                    refused.append(str(raised.value))
                assert now().timestamp() > 0

    body = body_of(recording, Diary(look))
    await outside_of_tasks(body.begin)
    assert len(refused) == 8 and body.divergence is None and body.end is not None
