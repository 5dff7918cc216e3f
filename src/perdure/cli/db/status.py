"""`perdure db status`: which database it is, its schema, its size, and how many runs it has in which state."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import click
import msgspec

from perdure.cli.detail import Part, write_detail
from perdure.cli.human import size
from perdure.cli.listing import form_option, write_json
from perdure.cli.reference import walk_runs
from perdure.cli.table import Cell
from perdure.cli.world import in_world, url_of, world_option
from perdure.engine.engine import Engine
from perdure.errors import SchemaTooNew
from perdure.world.query import RunFilter


class DatabaseStatus(NamedTuple):
    """`found` is the schema's version, `known` the newest that this perdure knows. Of a newer one no run is read."""

    world: str
    path: Path
    found: int
    known: int
    runs: dict[str, int] | None

    @property
    def size_bytes(self) -> int:
        """With the write-ahead log beside it."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def as_json(self) -> dict[str, Any]:
        return {
            "world": self.world,
            "path": str(self.path),
            "schemaFound": self.found,
            "schemaKnown": self.known,
            "sizeBytes": self.size_bytes,
            "runs": self.runs,
        }


@click.command(short_help="Show schema, size, and runs by state.")
@form_option("--json", "One JSON object.")
@world_option
def status(form: str | None, world: str | None) -> None:
    """Show which database a world is, its schema's version, its size, and how many runs it has in which state.

    Exit code 4 if there is none, or if its schema is newer than this perdure knows.
    """
    url = url_of(world, create=False)
    path = Path(url.partition(":///")[2]).absolute()
    newer: SchemaTooNew | None = None
    try:
        found, runs = in_world(url, counted)
        shown = DatabaseStatus(url, path, found, found, runs)
    except SchemaTooNew as error:
        newer, shown = error, DatabaseStatus(url, path, error.found, error.known, None)
    if form == "json":
        write_json(shown.as_json())
    else:
        write_detail(parts_of(shown))
    if newer is not None:
        raise newer


async def counted(engine: Engine) -> tuple[int, dict[str, int]]:
    """The schema's version, which opening has brought to ours, and how many runs there are, by status."""
    path = engine.world.url.partition(":///")[2]
    connection: Any = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        [[version]] = connection.execute("PRAGMA user_version").fetchall()
    finally:
        connection.close()
    counts: Counter[str] = Counter()
    async for run in walk_runs(engine.world, RunFilter()):
        counts[run.status] += 1
    return int(version), dict(counts.most_common())


def parts_of(shown: DatabaseStatus) -> list[Part]:
    versions = f"version {shown.found}; this perdure knows version {shown.known}"
    parts = [
        Part("world", "world", Cell(shown.world)),
        Part("path", "path", Cell(str(shown.path))),
        Part("schemaFound", "schema", Cell(versions, str(shown.found))),
        Part("schemaKnown", "", Cell("", str(shown.known))),
        Part("sizeBytes", "size", Cell(size(shown.size_bytes), str(shown.size_bytes))),
    ]
    if shown.runs is not None:
        told = ", ".join(f"{count} {status}" for status, count in shown.runs.items()) or "none"
        parts.append(Part("runs", "runs", Cell(told, msgspec.json.encode(shown.runs).decode())))
    return parts
