"""P6 and S7: what takes the rules of streams out."""

from typing import Any

from msgspec.structs import replace

from perdure.engine import seizure
from perdure.engine.attempt import Attempts
from perdure.engine.stream import Outflow
from perdure.world import Append, Appended, Chunk, NewChunks, Refusal, Refused
from perdure.worlds.memory import commit as writing
from perdure.worlds.memory import stream as streaming
from perdure.worlds.memory.state import Draft, Kept
from tests.faults.rules.patching import Patching, patch


def open_after_the_end() -> Patching:
    """P6: an end doesn't close the streams of its run."""
    return patch.object(streaming, "close_all", lambda draft, run_id: None)


def numbers_left_out() -> Patching:
    """P6: a number is left out."""

    def chunk(*, index: int, **fields: Any) -> Chunk:
        return Chunk(index=index + (index > 2), **fields)

    return patch.object(streaming, "Chunk", chunk)


def closed_for_ever() -> Patching:
    """S6: a retried run finds the streams closed that its end closed."""
    return patch.object(streaming, "reopen", lambda draft, run_id: None)


def written_late() -> Patching:
    """P6: a step's chunks go with the append after its completion's."""
    strict = Outflow.onto

    def onto(outflow: Outflow, append: Append, last: tuple[NewChunks, ...] = ()) -> Append:
        if not any(row.type == "step_completed" for row in append.rows):
            return strict(outflow, append, last)
        pieces, outflow._pieces = outflow._pieces, []
        kept = strict(outflow, append, last)
        outflow._pieces = pieces
        return kept

    return patch.object(Outflow, "onto", onto)


def refused_together() -> Patching:
    """S7: a chunk that is refused takes the whole append with it."""
    strict = writing._append

    def append_(draft: Draft, append: Append) -> Appended | Refused:
        streams = [draft.streams.get(new.run_id, {}).get(new.stream) for new in append.chunks]
        if any(stream is not None and stream.closed for stream in streams):
            return Refused(refusal=Refusal.PLACE)
        return strict(draft, append)

    return patch.object(writing, "_append", append_)


def written_by_anybody() -> Patching:
    """S7: the chunks of an append that is refused are written all the same."""
    strict = writing._append

    def append_(draft: Draft, append: Append) -> Appended | Refused:
        outcome = strict(draft, append)
        if isinstance(outcome, Refused) and append.run_id in draft.runs:
            streaming.write(draft, append)
        return outcome

    return patch.object(writing, "_append", append_)


def written_again() -> Patching:
    """S7: the place of chunks isn't compared, so that a second try writes them again."""
    strict = writing._refusal

    def refusal(kept: Kept, append: Append, now_ms: int) -> Refusal | None:
        return strict(kept, replace(append, writes=kept.record.writes), now_ms)

    return patch.object(writing, "_refusal", refusal)


def kept_by_nobody() -> Patching:
    """S7: chunks that a step keeps for its completion go at once."""
    strict = Attempts.step_wrote

    def step_wrote(attempts: Attempts, running: Any, piece: Any, *, kept: bool) -> bool:
        return strict(attempts, running, piece, kept=False)

    return patch.object(Attempts, "step_wrote", step_wrote)


def taken_for_written() -> Patching:
    """S7: after a lost answer, nobody looks whether a stream has refused the chunks."""

    async def refused(world: Any, append: Append) -> tuple[int, ...]:
        return ()

    return patch("perdure.engine.resolve._refused", refused)


def speechless() -> Patching:
    """S7: an end that is forced on a run from outside has no last words."""
    return patch.object(seizure, "last_chunks", lambda append, pending: ())


def interrupted() -> Patching:
    """S7: what steps wrote comes behind the last words of the end."""
    strict = Outflow.onto

    def onto(outflow: Outflow, append: Append, last: tuple[NewChunks, ...] = (), **options: bool) -> Append:
        return strict(outflow, replace(append, chunks=(*append.chunks, *last)), **options)

    return patch.object(Outflow, "onto", onto)
