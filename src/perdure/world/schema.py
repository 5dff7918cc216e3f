"""The schema of a World that keeps its runs in tables: numbered scripts, and how far a store has come. Forward only."""

from pathlib import Path
from typing import NamedTuple


class SchemaVersion(NamedTuple):
    """`found` is the store's version: 0 for one without tables, None if there is no store. `known` is ours."""

    known: int
    found: int | None


def scripts_in(folder: Path) -> tuple[str, ...]:
    """In order: 0001_….sql leads to version 1."""
    scripts = sorted(folder.glob("*.sql"))
    numbers = [int(script.name[:4]) for script in scripts]
    assert numbers == list(range(1, len(scripts) + 1)), f"the migrations aren't numbered from 1 without gaps: {numbers}"
    return tuple(script.read_text(encoding="utf-8") for script in scripts)
