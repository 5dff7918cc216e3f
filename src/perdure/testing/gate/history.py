"""A run's log as a file, for the repository: a line of JSON that says what it is, then one for each event.

Payloads are readable, so that a diff shows what changed. What was sealed stays sealed (base64 under `sealed`), unless whoever
writes the file opens it with their keys. A file of a newer format is refused: it may hold what this perdure can't see.
"""

from base64 import b64decode, b64encode

import msgspec
from msgspec import Raw, Struct

from perdure.codec.compression import decompressed
from perdure.codec.keyring import SEALED, KeyRing, key_name
from perdure.engine.seal import open_row
from perdure.errors import KeyMissing, UsageError
from perdure.model.event import RunCreated
from perdure.model.ids import MailId, RunId
from perdure.model.status import Status
from perdure.world import Log, Row, RunRecord

FORMAT = 1
SUFFIX = ".jsonl"
NOTHING = Raw(b"")


class HistoryInvalid(UsageError):
    """A file holds no history that can be read here. Fields: `path`, `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} holds no history that can be read here: {reason}")


class Title(Struct, frozen=True, kw_only=True, rename="camel"):
    """The first line. `perdure_history` is the version of the format; `events`: how many follow."""

    perdure_history: int
    run_id: RunId
    workflow: str
    status: Status
    pin: str = ""
    deployment: str = ""
    events: int


class Version(Struct, frozen=True, kw_only=True, rename="camel"):
    """What any format's first line has."""

    perdure_history: int


class Line(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An event. `payload` as the log has it, or (`sealed`) in base64."""

    seq: int
    turn: int
    epoch: int
    at_ms: int
    type: str
    key: str = ""
    mail_id: MailId | None = None
    decided: RunId | None = None
    payload: Raw = NOTHING
    sealed: str = ""


def history_file(log: Log, keys: KeyRing | None, *, opened: bool = False) -> bytes:
    """The file. `opened`: what is sealed is written in plain text. Raises: PayloadLocked, DecodeError."""
    run = log.run
    title = Title(
        perdure_history=FORMAT,
        run_id=run.run_id,
        workflow=run.workflow,
        status=run.status,
        pin=run.pin,
        deployment=run.deployment,
        events=len(log.rows),
    )
    lines = [msgspec.json.encode(title)]
    lines += [msgspec.json.encode(_line(run.run_id, row, keys, opened)) for row in log.rows]
    return b"\n".join(lines) + b"\n"


def read_history(data: bytes, path: str) -> Log:
    """The log that a file holds, as far as a replay needs it. Raises: HistoryInvalid."""
    first, *rest = data.splitlines() or [b""]
    try:
        version = msgspec.json.decode(first, type=Version).perdure_history
    except (ValueError, RecursionError):
        raise HistoryInvalid(path, "its first line is none that `perdure export` writes") from None
    if version > FORMAT:
        reason = f"it is of format {version}, this perdure knows up to {FORMAT}: upgrade perdure here"
        raise HistoryInvalid(path, reason)
    rows: list[Row] = []
    try:
        title = msgspec.json.decode(first, type=Title)
        rows += [_row(msgspec.json.decode(line, type=Line)) for line in rest if line.strip()]
    except (ValueError, RecursionError) as error:
        raise HistoryInvalid(path, f"its line {len(rows) + 2} is damaged ({error})") from None
    if [row.seq for row in rows] != list(range(1, title.events + 1)):
        raise HistoryInvalid(path, f"it should have the events 1 to {title.events}, and has not")
    if not rows or rows[0].type != RunCreated.type:
        raise HistoryInvalid(path, "a log begins with run_created, and this one doesn't")
    return Log(run=_record(title, rows), rows=tuple(rows))


def _line(run_id: RunId, row: Row, keys: KeyRing | None, opened: bool) -> Line:
    kept = {name: getattr(row, name) for name in ("seq", "turn", "epoch", "at_ms", "type", "key", "mail_id", "decided")}
    if row.payload[:1] == SEALED and not opened:
        return Line(**kept, sealed=b64encode(row.payload).decode())
    if row.payload[:1] == SEALED and keys is None:
        raise KeyMissing(row.type, key_name(row.payload))
    return Line(**kept, payload=Raw(decompressed(open_row(run_id, row, keys).payload, row.type)))


def _row(line: Line) -> Row:
    return Row(
        seq=line.seq,
        turn=line.turn,
        epoch=line.epoch,
        type=line.type,
        key=line.key,
        payload=b64decode(line.sealed) if line.sealed else bytes(line.payload),
        at_ms=line.at_ms,
        mail_id=line.mail_id,
        decided=line.decided,
    )


def _record(title: Title, rows: list[Row]) -> RunRecord:
    """Of its row in the World, what the file tells."""
    return RunRecord(
        run_id=title.run_id,
        workflow=title.workflow,
        status=title.status,
        owner=None,
        epoch=rows[-1].epoch,
        length=len(rows),
        mail=0,
        wake_at_ms=None,
        idempotency_key=None,
        parent_id=None,
        root_id=None,
        attributes={},
        deployment=title.deployment,
        recoveries=0,
        created_at_ms=rows[0].at_ms,
        started_at_ms=None,
        ended_at_ms=None,
        pin=title.pin,
    )
