"""Rules of streams: contiguous, closed with their run, each chunk once and in order, the end's last; and readers saw just
that."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from perdure.model.ids import RunId, StepId, step_id
from perdure.model.status import ENDED
from perdure.testing.simulation.checker.row import ENDS, Row, RunLog
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.ledger import Written
from perdure.world import StreamPage


class _Attempt(NamedTuple):
    """Who wrote: the same attempt of a step may be begun by an owner that nobody heard of, and by the next; or, in a
    queue, for another run."""

    writer: RunId
    step_id: StepId
    attempt: int
    epoch: int | None
    kept: bool


def check_readers(evidence: Evidence) -> Iterator[Violation]:
    """What clients read is what the streams have, from where they began, without doubles or gaps."""
    for story in evidence.stories:
        for reading in story.readings:
            page = evidence.streams.get(reading.run_id, {}).get(reading.stream)
            kept = [chunk.data for chunk in page.chunks][reading.start :] if page is not None else []
            log = evidence.runs.get(reading.run_id)
            retried = log is not None and any(True for _ in log.of("run_retried"))
            if reading.chunks != kept[: len(reading.chunks)]:
                yield Violation(
                    "P6 a reader saw another stream", reading.run_id, f"{reading.stream!r}: {reading.chunks}"
                )
            elif reading.whole and len(reading.chunks) < len(kept) and not retried:
                detail = f"{reading.stream!r}: {len(reading.chunks)} of {len(kept)} chunks"
                yield Violation("P6 a reader was told of an end too early", reading.run_id, detail)


def check_streams(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """What is wrong with this run's streams."""
    names = {*evidence.streams[log.run_id], *(written.stream for written in _to(evidence, log.run_id, None))}
    names |= {row.fact.get("stream", "") for row in log.of("stream_epilogue")}
    for name in sorted(names):
        page = evidence.streams[log.run_id].get(name)
        for rule, detail in (
            *(_shape(log, page) if page is not None else ()),
            *_of_bodies(evidence, log, name, page),
            *_at_the_end(evidence, log, name, page),
            *_of_steps(evidence, log, name, page),
        ):
            yield Violation(rule, log.run_id, f"{name!r}: {detail}")


def _shape(log: RunLog, page: StreamPage) -> Iterator[tuple[str, str]]:
    indexes = [chunk.index for chunk in page.chunks]
    if indexes != list(range(len(indexes))) or page.record.length != len(indexes):
        yield "P6 indexes aren't contiguous", f"{indexes}, and the stream says {page.record.length}"
    if log.run.status in ENDED and not page.record.closed:
        yield "P6 a stream is open after the end", str(page.record.length)
    for data, count in Counter(chunk.data for chunk in page.chunks).items():
        if count > 1:
            yield "P6 a chunk twice", data.decode()


def _of_bodies(evidence: Evidence, log: RunLog, name: str, page: StreamPage | None) -> Iterator[tuple[str, str]]:
    """The writes in each log are in the stream, in order: all of its own run's, of another's up to the stream's end."""
    found = [chunk.data for chunk in page.chunks if chunk.step_id is None] if page is not None else []
    expected: set[bytes] = set()
    for run_id, rows in evidence.said_to.get((log.run_id, name), {}).items():
        wrote = [msgspec.json.encode(row.fact["data"]) for row in rows if row.type == "stream_written"]
        got = [data for data in found if data in set(wrote)]
        short = len(got) < len(wrote) and not (run_id != log.run_id and log.run.status in ENDED)
        if got != wrote[: len(got)] or (short and not _is_shut(evidence, log, name)):
            yield "P6 a body's chunks aren't those of its log", f"{got}, recorded {wrote}"
        expected |= set(wrote)
    for end in log.of(*ENDS):
        expected |= set(_last_words(log, name, end))
    for data in set(found) - expected:
        yield "P6 a chunk that no body wrote", data.decode()


def _at_the_end(evidence: Evidence, log: RunLog, name: str, page: StreamPage | None) -> Iterator[tuple[str, str]]:
    """What the run said that its end writes stands behind all else, unless the stream was closed before."""
    wanted = [] if log.end is None else _last_words(log, name, log.end)
    found = [chunk.data for chunk in page.chunks] if page is not None else []
    if wanted and found[-len(wanted) :] != wanted and not _is_shut(evidence, log, name):
        yield "S7 an end without its last words", f"{wanted}, the stream ends with {found[-len(wanted) :]}"


def _last_words(log: RunLog, name: str, end: Row) -> list[bytes]:
    """What this end writes to the stream: by what was said last before it."""
    said = [row.fact for row in log.of("stream_epilogue") if row.seq < end.seq and row.fact.get("stream", "") == name]
    return [msgspec.json.encode(chunk) for chunk in said[-1].get(end.type.removeprefix("run_"), ())] if said else []


def _of_steps(evidence: Evidence, log: RunLog, name: str, page: StreamPage | None) -> Iterator[tuple[str, str]]:
    """Each attempt's chunks are there in order; all of them where it was told so, or its outcome is recorded."""
    written = {one.data: one for one in _to(evidence, log.run_id, name)}
    found = [chunk.data for chunk in page.chunks if chunk.step_id is not None] if page is not None else []
    for data in found:
        if data not in written:
            yield "P6 a chunk that no step wrote", data.decode()
    mine = [written[data] for data in found if data in written]
    latest: dict[StepId, int] = {}
    for one in mine:
        if one.attempt < latest.get(one.step_id, 0):
            yield "S7 a chunk of an older attempt", f"{one.attempt} after {latest[one.step_id]}"
        latest[one.step_id] = one.attempt
    shut = _is_shut(evidence, log, name)
    for attempt, wrote in _by_attempt(written.values()).items():
        got = [one for one in mine if _attempt_of(one) == attempt]
        outcome = _outcome(evidence, wrote[0], attempt)
        drained = max((place for place, one in enumerate(wrote, 1) if one.drained), default=0)
        due = drained if shut or (wrote[0].writer != log.run_id and log.run.status in ENDED) else len(wrote)
        told = outcome == "step_completed" if attempt.kept else outcome != ""
        if got != wrote[: len(got)] or len(got) < (due if told else drained):
            yield "P6 a step's chunks aren't all there, in order", f"{len(got)} of {len(wrote)} of {attempt}, {outcome}"
        if attempt.kept and got and outcome != "step_completed":
            yield "S7 chunks without their completion", f"{attempt}, {outcome}"


def _to(evidence: Evidence, run_id: RunId, stream: str | None) -> Iterator[Written]:
    return (
        one
        for one in evidence.written_to.get(run_id, ())
        if one.data is not None and (stream is None or one.stream == stream)
    )


def _by_attempt(written: Iterable[Written]) -> dict[_Attempt, list[Written]]:
    attempts: dict[_Attempt, list[Written]] = {}
    for one in written:
        attempts.setdefault(_attempt_of(one), []).append(one)
    return attempts


def _attempt_of(one: Written) -> _Attempt:
    return _Attempt(one.writer, one.step_id, one.attempt, one.epoch, one.kept)


def _outcome(evidence: Evidence, one: Written, attempt: _Attempt) -> str:
    """What the writer's log says of this attempt, in the epoch in which it ran; empty: nothing."""
    log = evidence.runs[one.writer]
    for row in log.of("step_completed", "step_failed", "step_retrying"):
        mine = row.epoch == attempt.epoch and row.fact["attempt"] == attempt.attempt
        if mine and step_id(log.step_of, row.key) == attempt.step_id:
            return row.type
    return ""


def _is_shut(evidence: Evidence, log: RunLog, name: str) -> bool:
    """Whether somebody has closed the stream, or tried to, before the end did."""
    by_step = any(one.data is None and one.stream == name for one in evidence.written_to.get(log.run_id, ()))
    said = evidence.said_to.get((log.run_id, name), {})
    return by_step or any(row.type == "stream_closed" for rows in said.values() for row in rows)
