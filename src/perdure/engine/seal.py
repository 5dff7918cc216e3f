"""Sealing what goes to a World, and opening what comes from it, where this process has keys.

A payload is sealed for its place, as one text that nothing else has:

    row     run, seq, turn, type, key      known to the owner, who numbers the rows
    letter  run, mail id, type, key        the owner opens it, and seals it again as a row
    chunk   run, stream, step id, attempt  not its index, which the World gives

So a payload opens nowhere but where it was put. An append that is refused and composed again for another place is sealed
again: this happens to operations, when the committer takes them, never to what the engine keeps in memory.
"""

from typing import TypeVar

from msgspec import json
from msgspec.structs import replace

from perdure.codec.compression import decompressed
from perdure.codec.keyring import SEALED, KeyRing, key_name
from perdure.errors import KeyMissing
from perdure.model.event import HookConflict, HookCreated, RunCreated, RunStarted
from perdure.model.ids import RunId
from perdure.world.log import Log, NewRow, Row
from perdure.world.mail import Letter
from perdure.world.operation import Append, Operation, Start
from perdure.world.stream import Chunk, NewChunks

CHUNK = "chunk"
Kept = TypeVar("Kept", Row, Letter)


def sealed(operation: Operation, keys: KeyRing) -> Operation:
    """The operation with every payload in it sealed."""
    if isinstance(operation, Append):
        return sealed_append(operation, keys)
    if isinstance(operation, Start):
        return _sealed_start(operation, keys)
    return replace(operation, letter=_sealed_letter(operation.letter, keys))


def open_row(run_id: RunId, row: Row, keys: KeyRing | None) -> Row:
    """Raises: PayloadLocked."""
    if keys is None:
        return row  # where it is sealed, `unpack` says so
    place = _row_place(run_id, row.seq, row.turn, row.type, row.key)
    payload = keys.open(run_id, place, row.payload, row.type)
    return row if payload is row.payload else replace(row, payload=payload)


def open_log(log: Log, keys: KeyRing | None) -> Log:
    """Raises: PayloadLocked."""
    if keys is None:
        return log
    return replace(log, rows=tuple([open_row(log.run.run_id, row, keys) for row in log.rows]))


def open_letter(letter: Letter, keys: KeyRing | None) -> Letter:
    """Raises: PayloadLocked."""
    if keys is None:
        if letter.payload[:1] == SEALED:
            raise KeyMissing(letter.kind, key_name(letter.payload))
        return letter
    payload = keys.open(letter.run_id, _letter_place(letter), letter.payload, letter.kind)
    return letter if payload is letter.payload else replace(letter, payload=payload)


def open_chunk(run_id: RunId, stream: str, chunk: Chunk, keys: KeyRing | None) -> Chunk:
    """The chunk as it was written: opened, and no longer compressed. Raises: PayloadLocked, DecodeError."""
    data = chunk.data
    if keys is not None:
        data = keys.open(run_id, _chunk_place(run_id, stream, chunk.step_id, chunk.attempt), data, CHUNK)
    elif data[:1] == SEALED:
        raise KeyMissing(CHUNK, key_name(data))
    data = decompressed(data, CHUNK)
    return chunk if data is chunk.data else replace(chunk, data=data)


def sealed_append(append: Append, keys: KeyRing) -> Append:
    """The append with every payload in it sealed."""
    run_id = append.run_id
    rows = [_sealed_row(run_id, seq, row, keys) for seq, row in enumerate(append.rows, append.seq)]
    return replace(
        append,
        rows=tuple(rows),
        letters=tuple([_sealed_letter(letter, keys) for letter in append.letters]),
        children=tuple([_sealed_start(child, keys) for child in append.children]),
        chunks=tuple([_sealed_chunks(chunks, keys) for chunks in append.chunks]),
    )


def _sealed_row(run_id: RunId, seq: int, row: NewRow, keys: KeyRing) -> NewRow:
    place = _row_place(run_id, seq, row.turn, row.type, row.key)
    payload = keys.seal(run_id, place, row.payload)
    return NewRow(turn=row.turn, type=row.type, key=row.key, payload=payload, mail_id=row.mail_id)


def _sealed_start(start: Start, keys: KeyRing) -> Start:
    run_id = start.run_id
    return replace(
        start,
        created=keys.seal(run_id, _row_place(run_id, 1, 0, RunCreated.type, ""), start.created),
        started=keys.seal(run_id, _row_place(run_id, 2, 0, RunStarted.type, ""), start.started),
    )


def _sealed_letter(letter: Letter, keys: KeyRing) -> Letter:
    return replace(letter, payload=keys.seal(letter.run_id, _letter_place(letter), letter.payload))


def _sealed_chunks(chunks: NewChunks, keys: KeyRing) -> NewChunks:
    run_id = chunks.run_id
    place = _chunk_place(run_id, chunks.stream, chunks.step_id, chunks.attempt)
    return replace(chunks, data=tuple([keys.seal(run_id, place, data) for data in chunks.data]))


def _row_place(run_id: RunId, seq: int, turn: int, type: str, key: str) -> bytes:
    """The World may have made a conflict of a `hook_created`: it can't seal, so both are one type here."""
    return json.encode(("row", run_id, seq, turn, HookCreated.type if type == HookConflict.type else type, key))


def _letter_place(letter: Letter) -> bytes:
    return json.encode(("letter", letter.run_id, letter.mail_id, letter.kind, letter.key))


def _chunk_place(run_id: RunId, stream: str, step_id: str | None, attempt: int) -> bytes:
    return json.encode((CHUNK, run_id, stream, step_id, attempt))
