"""Each rule of streams, taken out, fails a check."""

from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.conformance import stream as checks
from perdure.testing.conformance.stream import CHECKS
from perdure.world import Append, Appended, NewChunks, Operation, Outcome, StreamPage, StreamRecord
from perdure.worlds.memory import MemoryWorld, commit, stream
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, told, without

pytestmark = pytest.mark.anyio

write, write_all, write_streams = stream._write, stream.write, commit._write_streams


class Time:
    """What the checks take for time: it passes only in Worlds that do too much."""

    spent_s = 0.0


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "process_time", lambda: Time.spent_s)


class LooksAtAllChunks(Altered):
    """For each append, a little time for every chunk that there is."""

    def alter_append(self, append: Append) -> Append:
        Time.spent_s += 0.000_001 * sum(
            len(each.chunks) for streams in self._state.streams.values() for each in streams.values()
        )
        return append


class AnyPlace(Altered):
    """A second try writes again."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None else replace(append, writes=kept.record.writes)


class PlaceWithRowsOnly(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None or append.rows else replace(append, writes=kept.record.writes)


class PlaceWithoutRowsOnly(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None or not append.rows else replace(append, writes=kept.record.writes)


class WritesAlways(Altered):
    """`writes` is compared where there are no chunks, too."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        wrong = kept is not None and append.writes != kept.record.writes
        return replace(append, seq=-1) if wrong and not append.chunks else append


class Tampering(Altered):
    """Changes the append's run after a commit."""

    def after(self, append: Append, outcome: Outcome) -> None:
        raise NotImplementedError

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        outcomes = await super().commit(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(operation, Append):
                self.after(operation, outcome)
        return outcomes

    def count(self, run_id: RunId, more: int) -> None:
        kept = self._state.runs[run_id]
        self._state.runs[run_id] = replace(kept, record=replace(kept.record, writes=kept.record.writes + more))


class RefusedChunksAreNotCounted(Tampering):
    def after(self, append: Append, outcome: Outcome) -> None:
        if isinstance(outcome, Appended) and append.chunks and len(outcome.refused) == len(append.chunks):
            self.count(append.run_id, -1)


class CountsGroups(Tampering):
    def after(self, append: Append, outcome: Outcome) -> None:
        if isinstance(outcome, Appended) and append.chunks:
            self.count(append.run_id, len(append.chunks) - 1)


class CountsTheReaders(Tampering):
    """The run that is written to counts the append, too."""

    def after(self, append: Append, outcome: Outcome) -> None:
        for run_id in {new.run_id for new in append.chunks} - {append.run_id}:
            if isinstance(outcome, Appended) and run_id in self._state.runs:
                self.count(run_id, 1)


class RefusedWrites(Tampering):
    """Streams keep what came with an append that was refused."""

    def after(self, append: Append, outcome: Outcome) -> None:
        if not isinstance(outcome, Appended):
            for new in append.chunks:
                self._state.streams.setdefault(new.run_id, {}).setdefault(new.stream, stream.NOTHING)


class BlockedCloses(Tampering):
    def after(self, append: Append, outcome: Outcome) -> None:
        if append.status == "blocked" or append.release:
            streams = self._state.streams.get(append.run_id, {})
            self._state.streams[append.run_id] = {name: replace(each, closed=True) for name, each in streams.items()}


class Reading(MemoryWorld):
    """Answers other questions than those that were asked."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._inner, self.streams = self.streams, self

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await self._inner.read(run_id, stream, from_index, limit)

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return await self._inner.list(run_id)


class ReadsFromTheStart(Reading):
    """For each page, a little time for every chunk before it."""

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        Time.spent_s += 0.000_01 * from_index
        return await super().read(run_id, stream, from_index, limit)


class FromOne(Reading):
    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await super().read(run_id, stream, max(0, from_index - 1), limit)


class WholeStreams(Reading):
    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await super().read(run_id, stream, from_index, 1000)


class NoneIsAll(Reading):
    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await super().read(run_id, stream, from_index, limit or 1000)


class CountsThePage(Reading):
    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        page = await super().read(run_id, stream, from_index, limit)
        return page and replace(page, record=replace(page.record, length=len(page.chunks)))


class StrangersStreams(Reading):
    """No such run is an empty stream."""

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        nothing = StreamRecord(run_id=run_id, stream=stream, length=0, closed=True)
        return await super().read(run_id, stream, from_index, limit) or StreamPage(record=nothing, chunks=())


class UnwrittenStaysOpen(Reading):
    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        page = await super().read(run_id, stream, from_index, limit)
        unwritten = page and stream not in self._state.streams.get(run_id, {})
        return replace(page, record=replace(page.record, closed=False)) if page and unwritten else page


class Renumbers(Reading):
    """Indexes begin with the page."""

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        page = await super().read(run_id, stream, from_index, limit)
        return page and replace(page, chunks=tuple(replace(each, index=n) for n, each in enumerate(page.chunks)))


class ByTime(Reading):
    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        known = {each.stream: each for each in await super().list(run_id)}
        return tuple(known[name] for name in self._state.streams.get(run_id, {}))


class InAnyCase(Reading):
    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return tuple(sorted(await super().list(run_id), key=lambda each: each.stream.lower()))


class Everybodys(Reading):
    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return tuple([each for run in self._state.streams for each in await super(Everybodys, self).list(run)])


class OnlyWritten(Reading):
    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return tuple(each for each in await super().list(run_id) if each.length)


class Backwards(MemoryWorld):
    """Operations are done in another order."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        inner = super().commit(list(reversed(operations)))

        async def turned() -> list[Outcome]:
            return list(reversed(await inner))

        return turned()


def rewritten(name: str, **changes: object) -> Fault:
    """Chunks are kept with other properties."""

    def alter(append: Append) -> Append:
        return replace(append, chunks=tuple(replace(new, **changes) for new in append.chunks))

    fault = type(name, (Altered,), {"alter_append": lambda self, append: alter(append)})
    assert issubclass(fault, Altered)
    return fault


def to_the_closed_too(draft, writer: RunId, new: NewChunks) -> bool:
    found = draft.streams.get(new.run_id, {}).get(new.stream)
    if found is not None and found.closed and draft.runs[new.run_id].record.status not in ENDED:
        draft.put_stream(new.run_id, new.stream, replace(found, closed=False))
    return write(draft, writer, new)


def to_the_dead_too(draft, writer: RunId, new: NewChunks) -> bool:
    return write(draft, new.run_id, new)


def to_the_running_only(draft, writer: RunId, new: NewChunks) -> bool:
    run = draft.runs.get(new.run_id)
    return run is not None and run.record.status == "running" and write(draft, writer, new)


def to_its_own_only(draft, writer: RunId, new: NewChunks) -> bool:
    return new.run_id == writer and write(draft, writer, new)


def with_chunks_only(draft, writer: RunId, new: NewChunks) -> bool:
    return not new.data or write(draft, writer, new)


def from_zero(draft, writer: RunId, new: NewChunks) -> bool:
    """Every append numbers afresh."""
    found = draft.streams.get(new.run_id, {}).get(new.stream, stream.NOTHING)
    done = write(draft, writer, new)
    if done:
        chunks = draft.streams[new.run_id][new.stream].chunks[len(found.chunks) :]
        fresh = tuple(replace(chunk, index=index) for index, chunk in enumerate(chunks))
        draft.put_stream(new.run_id, new.stream, replace(found, chunks=found.chunks + fresh, closed=new.close))
    return done


def until_the_first_refusal(draft, append: Append) -> tuple[int, ...]:
    """The rest of the append's chunks goes with it."""
    refused = write_all(draft, append)
    return tuple(range(refused[0], len(append.chunks))) if refused else ()


def after_the_end(draft, append: Append) -> tuple[int, ...]:
    """The end closes the streams before its own append's chunks are written."""
    if append.status in ENDED:
        stream.close_all(draft, append.run_id)
        return tuple(range(len(append.chunks)))
    return write_streams(draft, append)


def nothing(*_: object) -> None:
    """What was to be done isn't."""


def what_was_written(draft, run_id: RunId) -> None:
    """The last stream by name stays open."""
    for name, each in sorted(draft.streams.get(run_id, {}).items())[:-1]:
        draft.put_stream(run_id, name, replace(each, closed=True, by_end=True))


def all_runs(draft, run_id: RunId) -> None:
    for other in list(draft.streams):
        for name, each in draft.streams[other].items():
            draft.put_stream(other, name, replace(each, closed=True))


def everything(chunks):
    """A page has no bound but its limit."""
    return chunks


def all_but_the_last(chunks):
    """A page ends before the chunk that is too much."""
    size, kept = 0, []
    for chunk in chunks:
        size += len(chunk.data)
        if size > stream.PAGE_BYTES:
            break
        kept.append(chunk)
    return tuple(kept)


def no_refusals(outcome: Outcome) -> Outcome:
    return replace(outcome, refused=()) if isinstance(outcome, Appended) else outcome


FAULTS: tuple[Fault, ...] = (
    LooksAtAllChunks,
    ReadsFromTheStart,
    AnyPlace,
    PlaceWithRowsOnly,
    PlaceWithoutRowsOnly,
    WritesAlways,
    RefusedChunksAreNotCounted,
    CountsGroups,
    CountsTheReaders,
    RefusedWrites,
    BlockedCloses,
    FromOne,
    WholeStreams,
    NoneIsAll,
    CountsThePage,
    StrangersStreams,
    UnwrittenStaysOpen,
    Renumbers,
    ByTime,
    InAnyCase,
    Everybodys,
    OnlyWritten,
    Backwards,
    rewritten("NoSteps", step_id=None),
    rewritten("NoAttempts", attempt=0),
    rewritten("NeverCloses", close=False),
    rewritten("OneStream", stream=""),
    forgets(chunks=()),
    told(no_refusals),
    without(stream, "_write", to_the_closed_too),
    without(stream, "_write", to_the_dead_too),
    without(stream, "_write", to_the_running_only),
    without(stream, "_write", to_its_own_only),
    without(stream, "_write", with_chunks_only),
    without(stream, "_write", from_zero),
    without(stream, "write", until_the_first_refusal),
    without(commit, "_write_streams", after_the_end),
    without(stream, "close_all", nothing),
    without(stream, "close_all", what_was_written),
    without(stream, "close_all", all_runs),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


@pytest.mark.parametrize("page", [everything, all_but_the_last])
async def test_a_page_without_its_bound_is_caught(page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_page", page)
    assert await caught(MemoryWorld, CHECKS)


async def test_every_check_catches_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = [check for check in CHECKS if check.__name__ == "a_page_is_bounded"]
    assert await idle([check for check in CHECKS if check not in bounded], FAULTS) == []
    monkeypatch.setattr(stream, "_page", everything)
    assert await idle(bounded, [MemoryWorld]) == []
