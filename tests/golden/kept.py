"""Golden logs as files: one for each program and version, one event a line, so that a person can read and compare them.

Only what a log's reader needs is kept of a run, each payload as it was, but for what names the machine that recorded it:
tracebacks are left out, and sources are told from the project's root. No replay compares either.
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from perdure.codec.compression import decompressed
from perdure.model.ids import MailId, RunId
from perdure.testing.simulation.checker.row import RunLog
from perdure.world import Log
from perdure.world import Row as WorldRow

FOLDER = Path(__file__).parent


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of a golden log."""

    seq: int
    turn: int
    epoch: int
    at_ms: int
    type: str
    key: str = ""
    mail_id: MailId | None = None
    decided: RunId | None = None
    payload: Raw


class Run(Struct, frozen=True, kw_only=True):
    """A run of a program, or of a workflow that it has started."""

    run_id: RunId
    workflow: str
    rows: list[Row]

    def log(self) -> RunLog:
        """As the checker reads one."""
        rows = [
            WorldRow(
                seq=row.seq,
                turn=row.turn,
                epoch=row.epoch,
                type=row.type,
                key=row.key,
                payload=bytes(row.payload),
                at_ms=row.at_ms,
                mail_id=row.mail_id,
                decided=row.decided,
            )
            for row in self.rows
        ]
        run: Any = SimpleNamespace(run_id=self.run_id, workflow=self.workflow)
        return RunLog(Log(run=run, rows=tuple(rows)))


class Golden(Struct, frozen=True, kw_only=True):
    """The logs of some simulations. `version` of perdure and `seeds` say where they come from."""

    version: str
    program: str
    seeds: list[int]
    runs: list[Run]


def without_traces(payload: bytes) -> bytes:
    payload = payload.replace(f"{FOLDER.parents[1]}/".encode(), b"")
    return msgspec.json.encode(_without(msgspec.json.decode(payload))) if b'"traceback"' in payload else payload


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(item) for name, item in value.items() if name != "traceback"}
    return [_without(item) for item in value] if isinstance(value, list) else value


def kept(log: Log) -> Run:
    rows = [
        Row(
            seq=row.seq,
            turn=row.turn,
            epoch=row.epoch,
            at_ms=row.at_ms,
            type=row.type,
            key=row.key,
            mail_id=row.mail_id,
            decided=row.decided,
            payload=Raw(without_traces(decompressed(row.payload, row.type))),
        )
        for row in log.rows
    ]
    return Run(run_id=log.run.run_id, workflow=log.run.workflow, rows=rows)


def write(golden: Golden) -> str:
    """The file's text: JSON, with a line for each event."""
    runs = ",\n".join(_lines(replace(run, rows=[]), run.rows) for run in golden.runs)
    return _json(replace(golden, runs=[])).removesuffix("]}") + f"\n{runs}\n]}}\n"


def _lines(run: Run, rows: list[Row]) -> str:
    return _json(run).removesuffix("]}") + "\n" + ",\n".join(map(_json, rows)) + "\n]}"


def _json(value: Struct) -> str:
    return msgspec.json.encode(value).decode()


def read(path: Path) -> Golden:
    return msgspec.json.decode(path.read_bytes(), type=Golden)


def file_of(version: str, program: str) -> Path:
    return FOLDER / f"{version}-{program.rpartition(':')[2]}.json"


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def logs() -> Iterator[RunLog]:
    """Every golden log."""
    for path in files():
        for run in read(path).runs:
            yield run.log()
