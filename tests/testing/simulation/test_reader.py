"""Readers: they follow streams, are cut off, and go on from their next index."""

from collections.abc import Awaitable, Callable
from typing import Any

from perdure.engine.engine import Engine
from perdure.testing.conformance.sample import append_to, born, chunks_of, run_id, writing
from perdure.testing.simulation.reader import Reader, Reading
from perdure.testing.simulation.store import done
from tests.testing.simulation.site import Site, site

RUN = run_id(1)
CHUNKS = [b"%d" % number for number in range(20)]


class Asked:
    """A process that is asked, and how often."""

    def __init__(self, here: Site) -> None:
        self.process, self.times = here.outsider(), 0

    async def __call__(self, job: Callable[[Engine], Awaitable[Any]]) -> Any:
        self.times += 1
        return await self.process.ask(job)


def followed(seed: int, *, quiet: bool = False, ends: bool = True) -> tuple[list[Reading], int]:
    """A stream that is written over four seconds, and closed with its run half a second later, if that `ends`."""
    with site(seed) as here:
        done(born(here.store.world))
        for number, data in enumerate(CHUNKS):
            append = writing(1, number, chunks_of(1, "", data))
            here.universe.after_ms(200 * number, lambda append=append: here.store.commit([append]))
        readings: list[Reading] = []
        asked = Asked(here)
        reader = Reader(asked, here.universe.random, readings, quiet=quiet)
        over_ms = here.now_ms + 4_500
        if ends:
            here.universe.after_ms(4_500, lambda: here.store.commit([append_to(1, 3, status="completed")]))
        here.play(reader.live(RUN, "", lambda: here.now_ms > over_ms))
        return readings, asked.times


def test_a_reader_sees_all_and_is_told_of_the_end() -> None:
    readings, asked = followed(1, quiet=True)
    assert readings == [Reading(RUN, "", 0, CHUNKS, whole=True)]
    assert asked > 3, "it was cut off"


def test_without_an_end_it_goes_when_it_is_over() -> None:
    [reading] = followed(1, quiet=True, ends=False)[0]
    assert (reading.chunks, reading.whole) == (CHUNKS, False)


def test_now_and_then_it_begins_again_somewhere() -> None:
    starts: set[int] = set()
    for seed in range(12):
        readings, _ = followed(seed)
        for reading in readings:
            assert reading.chunks == CHUNKS[reading.start : reading.start + len(reading.chunks)]
        assert readings[-1].whole
        assert readings[-1].start + len(readings[-1].chunks) == len(CHUNKS)
        starts |= {reading.start for reading in readings}
    assert 0 in starts
    assert len(starts) > 2
