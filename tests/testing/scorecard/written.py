"""Projects written for a test: files by name, and what a scorecard sees of them."""

from collections.abc import Callable
from pathlib import Path

from perdure.testing.scorecard.card import Found
from perdure.testing.scorecard.project import read_code
from perdure.testing.scorecard.repository import Repository
from perdure.testing.scorecard.store import Store
from perdure.testing.scorecard.subject import Subject

HEAD = """
import asyncio
from dataclasses import dataclass
import httpx
from perdure import (FatalError, Retry, RetryableError, create_hook, create_webhook, define_hook, get_connection,
                     get_step_metadata, get_writable, patched, race, sleep, step, timeout, workflow)

client = httpx.AsyncClient()
"""
FLOW = """
@workflow
async def flow(order: str) -> str:
    return await act(order)
"""
STEP = """
@step
async def act(order: str) -> str:
"""


def write(folder: Path, files: dict[str, str]) -> None:
    (folder / "pyproject.toml").touch()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def subject(folder: Path, text: str, store: Store | None = None, **files: str) -> Subject:
    """Of the module `flows`, and of further files by name, with `__` for `/` and `_py` for `.py` and the like."""
    named = {name.replace("__", "/").replace("_DOT_", "."): content for name, content in files.items()}
    write(folder, {"flows.py": HEAD + text, **named})
    code = read_code(["flows.py"])
    return Subject(code=code, repository=Repository(folder, code.files), store=store)


def acting(folder: Path, body: str, **files: str) -> Subject:
    """Of a workflow with one step, whose body this is."""
    return subject(folder, STEP + body + FLOW, None, **files)


def scored(check: Callable[[Subject], Found], about: Subject) -> int | str:
    """The score; "open" or "n/a" where there is none."""
    seen = check(about)
    return "n/a" if not seen.applies else "open" if seen.score is None else seen.score


def told(check: Callable[[Subject], Found], about: Subject) -> list[str]:
    return [str(evidence) for evidence in check(about).evidence]
