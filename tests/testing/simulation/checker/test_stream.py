"""Rules of streams, each broken once: contiguous, closed, each chunk once and in order; and readers saw just that."""

import json

from perdure.model.event import (
    RunCompleted,
    RunRetried,
    StepCompleted,
    StepRetrying,
    StreamClosed,
    StreamEpilogue,
    StreamWritten,
)
from perdure.model.ids import RunId, StepId, step_id
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.stream import check_readers, check_streams
from perdure.testing.simulation.ledger import Written
from perdure.testing.simulation.reader import Reading
from perdure.world import Chunk, Log, Row, StreamPage, StreamRecord
from tests.core.logs import BOOM, raw
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    ME,
    OTHER,
    WORKER,
    evidence_of,
    log_of,
    row,
    story_of,
    told,
)

STEP = step_id(ME, DO)
NOT_ALL = "P6 a step's chunks aren't all there, in order"
DONE = row(1, DO, StepCompleted(attempt=1, result=raw("1")))
AGAIN = row(1, DO, StepRetrying(attempt=1, error=BOOM, retry_at_ms=1))
END = row(1, "", RunCompleted(result=raw("1")))


def text(what: str) -> bytes:
    return json.dumps(what).encode()


def wrote(what: str, **fields: object) -> Row:
    """The body did."""
    return row(0, f"0/write#{what}", StreamWritten(data=raw(text(what).decode()), **fields))  # type: ignore[arg-type]


def chunk(what: str, step: StepId | None = None, attempt: int = 0) -> Chunk:
    """`index` follows."""
    return Chunk(index=-1, data=text(what), step_id=step, attempt=attempt)


def page(*chunks: Chunk, closed: bool = False, first: int = 0) -> StreamPage:
    numbered = tuple(
        Chunk(index=index, data=one.data, step_id=one.step_id, attempt=one.attempt)
        for index, one in enumerate(chunks, first)
    )
    return StreamPage(record=StreamRecord(run_id=ME, stream="", length=len(chunks), closed=closed), chunks=numbered)


def put(
    what: str | None, *, attempt: int = 1, drained: bool = False, kept: bool = False, writer: RunId = ME
) -> Written:
    """A step did."""
    return Written(
        run_id=ME,
        stream="",
        data=None if what is None else text(what),
        writer=writer,
        step_id=STEP,
        attempt=attempt,
        worker_id=WORKER,
        epoch=1,
        kept=kept,
        drained=drained,
    )


def found(
    rows: tuple[Row, ...], stream: StreamPage | None, *written: Written, others: tuple[Log, ...] = ()
) -> list[tuple[str, str]]:
    log = log_of(*BEGUN, *rows)
    streams = {each.run.run_id: {} for each in others} | {ME: {} if stream is None else {"": stream}}
    evidence = evidence_of(log, *others, streams=streams, written=list(written))
    return told(check_streams(evidence, RunLog(log)))


def rules(
    rows: tuple[Row, ...], stream: StreamPage | None, *written: Written, others: tuple[Log, ...] = ()
) -> set[str]:
    return {rule for rule, _ in found(rows, stream, *written, others=others)}


# -- the shape


def test_a_healthy_stream() -> None:
    mine = (chunk("a"), chunk("b", STEP, 1), chunk("c"))
    assert found((wrote("a"), wrote("c"), DONE, END), page(*mine, closed=True), put("b")) == []
    assert found((), None) == []


def test_indexes_with_a_gap() -> None:
    assert rules((wrote("a"),), page(chunk("a"), first=1)) == {"P6 indexes aren't contiguous"}


def test_a_stream_that_is_open_after_the_end() -> None:
    assert rules((wrote("a"), END), page(chunk("a"))) == {"P6 a stream is open after the end"}


def test_a_chunk_that_is_there_twice() -> None:
    assert "P6 a chunk twice" in rules((wrote("a"),), page(chunk("a"), chunk("a")))


# -- bodies


def test_a_bodys_chunks_are_those_of_its_log() -> None:
    wrong = {"P6 a body's chunks aren't those of its log"}
    assert rules((wrote("a"), wrote("b")), page(chunk("b"), chunk("a"))) == wrong
    assert rules((wrote("a"), wrote("b")), page(chunk("a"))) == wrong
    assert rules((wrote("a"),), page(chunk("a"), chunk("b"))) == {"P6 a chunk that no body wrote"}


def test_a_closed_stream_takes_no_more() -> None:
    shut = row(0, "0/close#0", StreamClosed())
    assert found((wrote("a"), shut, wrote("b")), page(chunk("a"), closed=True)) == []
    assert found((wrote("a"), wrote("b")), page(chunk("a"), closed=True), put(None)) == []


def test_another_run_may_be_too_late() -> None:
    other = log_of(*BEGUN, wrote("k", run_id=ME), wrote("l", run_id=ME), run_id=OTHER)
    assert found((wrote("a"), END), page(chunk("k"), chunk("a"), closed=True), others=(other,)) == []
    late = rules((wrote("a"),), page(chunk("k"), chunk("a")), others=(other,))
    assert late == {"P6 a body's chunks aren't those of its log"}


# -- steps


def test_what_is_on_its_way_may_be_lost_from_its_end() -> None:
    assert found((), page(chunk("a", STEP, 1)), put("a", drained=True), put("b")) == []
    assert found((), None, put("a")) == []


def test_what_was_drained_is_there() -> None:
    assert rules((), None, put("a", drained=True)) == {NOT_ALL}
    assert rules((), page(chunk("b", STEP, 1)), put("a"), put("b")) == {NOT_ALL}
    assert rules((), page(chunk("b", STEP, 1), chunk("a", STEP, 1)), put("a"), put("b")) == {NOT_ALL}


def test_an_outcome_comes_with_all_chunks() -> None:
    for outcome in (DONE, AGAIN):
        assert found((outcome,), page(chunk("a", STEP, 1), chunk("b", STEP, 1)), put("a"), put("b")) == []
        assert rules((outcome,), page(chunk("a", STEP, 1)), put("a"), put("b")) == {NOT_ALL}
        assert found((outcome,), page(chunk("a", STEP, 1), closed=True), put("a"), put("b"), put(None)) == []


def test_a_step_in_a_queue_writes_as_another_run() -> None:
    other = log_of(*BEGUN, run_id=OTHER)
    both = (put("a"), put("b", drained=True, writer=OTHER))
    assert found((), page(chunk("b", STEP, 1)), *both, others=(other,)) == [], "who wrote a is gone"


def test_chunks_that_were_kept_come_with_the_completion_alone() -> None:
    kept = put("a", kept=True)
    assert found((DONE,), page(chunk("a", STEP, 1)), kept) == []
    assert found((AGAIN,), None, kept) == []
    assert rules((DONE,), None, kept) == {NOT_ALL}
    for rows in ((), (AGAIN,)):
        assert rules(rows, page(chunk("a", STEP, 1)), kept) == {"S7 chunks without their completion"}


def test_a_chunk_of_an_older_attempt() -> None:
    both = (put("a"), put("b", attempt=2))
    assert found((), page(chunk("a", STEP, 1), chunk("b", STEP, 2)), *both) == []
    assert rules((), page(chunk("b", STEP, 2), chunk("a", STEP, 1)), *both) == {"S7 a chunk of an older attempt"}


def test_a_chunk_that_nobody_wrote() -> None:
    assert rules((), page(chunk("a", STEP, 1))) == {"P6 a chunk that no step wrote"}


# -- readers


def read(reading: Reading, *rows: Row, stream: StreamPage | None = None) -> list[tuple[str, str]]:
    log = log_of(*BEGUN, *rows)
    kept = stream or page(chunk("a"), chunk("b"), chunk("c"))
    return told(check_readers(evidence_of(log, streams={ME: {"": kept}}, stories=[story_of(readings=[reading])])))


def test_readers_see_a_part_from_where_they_began() -> None:
    for start, seen, whole in ((0, "", False), (0, "ab", False), (1, "bc", True), (3, "", True)):
        assert read(Reading(ME, "", start, [text(one) for one in seen], whole)) == []
    assert read(Reading(ME, "none", 0)) == []


def test_readers_that_see_something_else() -> None:
    for start, seen in ((0, "b"), (0, "aab"), (0, "ac"), (1, "a"), (2, "cd")):
        [(rule, _)] = read(Reading(ME, "", start, [text(one) for one in seen]))
        assert rule == "P6 a reader saw another stream"


def test_a_reader_that_is_told_of_an_end_too_early() -> None:
    early = Reading(ME, "", 0, [text("a")], whole=True)
    assert read(early) == [("P6 a reader was told of an end too early", "'': 1 of 3 chunks")]
    assert read(early, row(0, "", RunRetried(failure_seq=1))) == [], "it was the end of another try"


# -- last words


def says(*completed: str, **fields: object) -> Row:
    """The body says what its end writes."""
    words = tuple(raw(text(word).decode()) for word in completed)
    return row(0, f"0/epilogue#{len(words)}", StreamEpilogue(completed=words, **fields))  # type: ignore[arg-type]


def test_an_end_with_its_last_words() -> None:
    mine = (chunk("a"), chunk("b", STEP, 1), chunk("x"), chunk("y"))
    assert found((wrote("a"), says("x", "y"), DONE, END), page(*mine, closed=True), put("b")) == []
    assert found((says("z"), says("x", "y"), END), page(chunk("x"), chunk("y"), closed=True)) == [], "the last counts"
    assert found((wrote("a"), says("x")), page(chunk("a"))) == [], "it hasn't ended"
    shut = row(0, "0/close#0", StreamClosed())
    assert found((says("x"), shut, END), page(closed=True)) == [], "the body has closed the stream"


def test_an_end_without_its_last_words() -> None:
    assert rules((says("x"), END), None) == {"S7 an end without its last words"}
    assert rules((says("x"), wrote("a"), END), page(chunk("x"), chunk("a"), closed=True)) == {
        "S7 an end without its last words"
    }


def test_last_words_before_the_end() -> None:
    assert rules((says("x"),), page(chunk("x"))) == {"P6 a chunk that no body wrote"}
