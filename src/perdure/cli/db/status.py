"""`perdure db status`: which database it is, its schema, its size, and how many runs it has in which state."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from perdure.api.connect import schema_at, shown_url
from perdure.cli.detail import Part, write_detail
from perdure.cli.human import size
from perdure.cli.listing import form_option, write_json
from perdure.cli.table import Cell
from perdure.cli.world import in_world, url_of, world_option
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.errors import SchemaMissing, SchemaTooNew, WorldInvalid
from perdure.world.query import RunFilter


class DatabaseStatus(NamedTuple):
    """`found` is the schema's version, `known` the newest that this perdure knows. Runs are read where both agree.

    `path` is that of a SQLite file, None for a server.
    """

    world: str
    path: Path | None
    found: int
    known: int
    runs: dict[str, int] | None

    @property
    def size_bytes(self) -> int | None:
        """With the write-ahead log beside it. None: the server knows."""
        if self.path is None:
            return None
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def as_json(self) -> dict[str, Any]:
        return {
            "world": self.world,
            "path": None if self.path is None else str(self.path),
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

    It only looks: an older schema stays as it is. Exit code 4 if there is no database, or if its schema is newer than
    this perdure knows.
    """
    url = url_of(world)
    known, found = schema_at(url)
    name, is_file = shown_url(url), url.startswith("sqlite:")
    if found is None and is_file:
        raise WorldInvalid(name, "there is no such file: start a run there first, or check the path")
    if found is None:
        raise SchemaMissing(name)
    runs = in_world(url, counted) if found == known else None
    path = Path(url.partition(":///")[2]).absolute() if is_file else None
    shown = DatabaseStatus(name, path, found, known, runs)
    if form == "json":
        write_json(shown.as_json())
    else:
        write_detail(parts_of(shown))
    if found > known:
        raise SchemaTooNew(name, found, known)


async def counted(engine: Engine) -> dict[str, int]:
    """How many runs there are, by status."""
    counts: Counter[str] = Counter()
    async for run in walk_runs(engine.world, RunFilter()):
        counts[run.status] += 1
    return dict(counts.most_common())


def parts_of(shown: DatabaseStatus) -> list[Part]:
    versions = f"version {shown.found}; this perdure knows version {shown.known}"
    parts = [
        Part("world", "world", Cell(shown.world)),
        *([] if shown.path is None else [Part("path", "path", Cell(str(shown.path)))]),
        Part("schemaFound", "schema", Cell(versions, str(shown.found))),
        Part("schemaKnown", "", Cell("", str(shown.known))),
    ]
    if shown.size_bytes is not None:
        parts.append(Part("sizeBytes", "size", Cell(size(shown.size_bytes), str(shown.size_bytes))))
    if shown.runs is not None:
        told = ", ".join(f"{count} {status}" for status, count in shown.runs.items()) or "none"
        parts.append(Part("runs", "runs", Cell(told, msgspec.json.encode(shown.runs).decode())))
    return parts
