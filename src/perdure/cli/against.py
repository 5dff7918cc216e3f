"""What `perdure check --against` names: histories in a folder or a file, or a world's runs that haven't ended. A world is
named by its URL, or by its file."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from perdure.api.connect import CONNECTION, keys
from perdure.cli.world import in_world
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.engine.log import read_log
from perdure.engine.registry import REGISTRY
from perdure.errors import RunNotFound, UsageError
from perdure.model.ids import RunId
from perdure.model.queue import PREFIX
from perdure.replay.trial import outside_of_tasks
from perdure.testing.gate.history import SUFFIX, HistoryInvalid, read_history
from perdure.testing.gate.verdict import Judge, Verdict
from perdure.world import RunFilter

logger = logging.getLogger("perdure")
SQLITE = b"SQLite format 3\0"
SCHEMES = ("sqlite:", "postgresql:", "postgres:", "memory:")


def judged(against: str, limit: int, deployment: str) -> tuple[list[Verdict], int]:
    """The verdicts, and how many runs were left out. Raises: UsageError, WorldError."""
    judge = Judge(REGISTRY, keys(), deployment)
    with _quiet():
        if against.startswith(SCHEMES):
            return _world(judge, against, limit)
        if _is_database(against):
            return _world(judge, f"sqlite:///{against}", limit)
        return [_history(judge, path) for path in _files(against)], 0


@contextmanager
def _quiet() -> Generator[None]:
    """What a body logs, or a guard of it, would come once for each run: the verdict says it."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _is_database(against: str) -> bool:
    """Whether it's a world's file, named without `sqlite:///`."""
    path = Path(against)
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


def _files(against: str) -> list[Path]:
    """Raises: UsageError."""
    path = Path(against)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UsageError(
            f"there is no folder or file {against}: give one with histories, a world's file, or the URL of a world"
        )
    found = sorted(path.rglob(f"*{SUFFIX}"))
    if not found:
        raise UsageError(
            f"{against} holds no histories: `perdure export RUN --output {against}/NAME{SUFFIX}` writes one"
        )
    return found


def _history(judge: Judge, path: Path) -> Verdict:
    """A file that can't be read is a verdict too: the others are looked at all the same."""
    try:
        return judge.judge(read_history(path.read_bytes(), str(path)), str(path))
    except HistoryInvalid as error:
        return Verdict(kind="unknown", subject=str(path), run_id=RunId(""), workflow="", reason=error.reason)
    except OSError as error:
        reason = f"it can't be read: {error.strerror}"
        return Verdict(kind="unknown", subject=str(path), run_id=RunId(""), workflow="", reason=reason)


def _world(judge: Judge, url: str, limit: int) -> tuple[list[Verdict], int]:
    async def work(engine: Engine) -> tuple[list[Verdict], int]:
        verdicts: list[Verdict] = []
        left_out = 0
        async for run in walk_runs(engine.world, RunFilter(status=("pending", "running", "blocked"), without=PREFIX)):
            if len(verdicts) >= limit:
                left_out += 1
                continue
            try:
                log = await read_log(engine.world, run.run_id)
            except RunNotFound:  # removed meanwhile
                continue
            verdicts.append(await outside_of_tasks(lambda log=log: judge.judge(log, log.run.run_id)))
        return verdicts, left_out

    CONNECTION.keys = keys()
    return in_world(url, work)
