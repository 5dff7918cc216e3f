"""`perdure logs`: what a run's steps logged."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import click

from perdure.api.records import Page, RunInfo
from perdure.cli.completion import run_ids
from perdure.cli.escape import visible
from perdure.cli.human import instant, iso
from perdure.cli.listing import ListOptions, list_options, tell_more, write_json, write_json_line
from perdure.cli.page import of_run
from perdure.cli.pipe import while_read
from perdure.cli.place import Place, place_option
from perdure.cli.remote import Remote
from perdure.cli.served import tell_if_unserved
from perdure.cli.table import Cell, tabbed, terminal
from perdure.engine.engine import Engine
from perdure.inspector.log import LogLine, Wanted, first_of, follow_logs, list_logs
from perdure.inspector.page import Asked
from perdure.inspector.reference import record_named
from perdure.model.log import LEVELS
from perdure.model.status import ENDED

PAGE = 1000
LOOK_S = 1.0
STYLES = {"DEBUG": "dim", "INFO": "cyan", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}


@click.command(short_help="Write what a run's steps logged.")
@click.argument("run", shell_complete=run_ids)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until the run ends.")
@click.option("--step", metavar="STEP", help="Only of this step: its name or an end of it, its id or a beginning.")
@click.option("--level", type=click.Choice(list(LEVELS), case_sensitive=False), help="Only from this level on.")
@list_options(limit=None, data=False)
@place_option(of_run("logs"))
def logs(run: str, follow: bool, step: str | None, level: str | None, options: ListOptions, place: Place) -> None:
    """Write what the steps of the run RUN logged, a line for each record, in the order in which they came.

    It was kept where that was asked for: by @step(capture_logs=True), configure(capture_logs="INFO"), or
    PERDURE_CAPTURE_LOGS=INFO in a worker's environment.

    In a pipe a line has: time, level, step, its id, attempt, logger, message, traceback.

    \b
      perdure logs wrun_01KB4 --follow --level WARNING
    """
    if follow and options.form == "json":
        raise click.UsageError("--follow has no end to put into one JSON object: use --jsonl.")
    wanted = Wanted(step, LEVELS[level] if level is not None else 0)
    lines = Lines(options)

    async def here(engine: Engine) -> None:
        record = await record_named(engine, run)
        if follow and record.status not in ENDED:
            await tell_if_unserved(engine, record)
        run_id = record.run_id
        async with while_read():
            if follow:
                await lines.follow(follow_logs(engine, run_id, wanted, lines.first))
            else:
                await lines.list(lambda asked: list_logs(engine, run_id, wanted, asked))

    async def there(remote: Remote) -> None:
        async def look(asked: Asked) -> Page[LogLine]:
            return remote.logs(run_id, wanted, asked)

        info = remote.run(run).view.info
        run_id = info.run_id
        if follow and info.status not in ENDED:
            tell_if_waiting(info)
        async with while_read():
            await (lines.follow(followed(remote, run_id, wanted, lines.first)) if follow else lines.list(look))

    place.look(here, lambda remote: asyncio.run(there(remote)))


def tell_if_waiting(info: RunInfo) -> None:
    """On standard error, that the run waits for a worker."""
    for reason in info.waiting_for:
        if reason.kind == "worker":
            click.echo(f"the run waits for {reason.detail}", err=True)


async def followed(remote: Remote, run_id: str, wanted: Wanted, first: int) -> AsyncGenerator[list[LogLine]]:
    """What an inspector elsewhere has from an index on, and what comes, until the run ends."""
    while True:
        ended = remote.run(run_id).view.info.status in ENDED
        cursor: str | None = str(first)
        while cursor is not None:
            first = int(cursor)
            page = remote.logs(run_id, wanted, Asked(PAGE, cursor))
            if page.items:
                first = page.items[-1].index + 1
                yield list(page.items)
            cursor = page.cursor
        if ended:
            return
        await asyncio.sleep(LOOK_S)


class Lines:
    """Those that are written: in a form, from a cursor on, so many at most."""

    def __init__(self, options: ListOptions) -> None:
        self._form, self._cursor, self._left = options.form, options.asked.cursor, options.asked.limit

    @property
    def first(self) -> int:
        """The index of the first. Raises: UsageError."""
        return first_of(self._cursor)

    async def list(self, look: Callable[[Asked], Awaitable[Page[LogLine]]]) -> None:
        """What is there."""
        found: list[LogLine] = []
        empty = True
        while self._left:
            page = await look(Asked(min(PAGE, self._left), self._cursor))
            self._cursor, self._left = page.cursor, self._left - len(page.items)
            if self._form == "json":
                found += page.items
            else:
                self._write(page.items)
            empty = empty and not page.items
            if self._cursor is None:
                break
        if self._form == "json":
            write_json({"items": [line.as_json() for line in found], "cursor": self._cursor})
            return
        if empty:
            click.echo("nothing found: steps' logs are kept where capture_logs asks for it", err=True)
        tell_more(self._cursor)

    async def follow(self, news: AsyncGenerator[Sequence[LogLine]]) -> None:
        """What is there, and what comes."""
        async with aclosing(news):
            async for lines in news:
                self._write(lines[: self._left])
                self._left -= len(lines)
                if self._left <= 0:
                    return

    def _write(self, lines: Sequence[LogLine]) -> None:
        if self._form is not None:
            for line in lines:
                write_json_line(line.as_json())
        elif sys.stdout.isatty():
            draw(lines)
        else:
            for line in lines:
                click.echo(tabbed(cells_of(line)))


def cells_of(line: LogLine) -> list[Cell]:
    """For programs."""
    at = "" if line.at is None else iso(line.at)
    parts = (at, line.level, line.step, line.step_id or "", str(line.attempt), line.logger, line.message)
    return [Cell(part) for part in (*parts, line.exception or "")]


def draw(lines: Iterable[LogLine]) -> None:
    """For people: what has several lines keeps them, indented."""
    from rich.text import Text

    console, now = terminal(), datetime.now(UTC)
    for line in lines:
        first, *rest = visible(line.message).split("\n")
        at = "" if line.at is None else f"{instant(line.at, now)}  "
        console.print(
            Text.assemble(
                (at, "dim"),
                (f"{line.level:<8}  ", STYLES.get(line.level, "")),
                (f"{_step(line)}  ", "bold"),
                (f"{visible(line.logger)}  ", "dim") if line.logger else "",
                first,
            ),
            soft_wrap=True,
        )
        for more in (*rest, *visible(line.exception or "").splitlines()):
            console.print(Text(f"    {more}", style="dim"), soft_wrap=True)


def _step(line: LogLine) -> str:
    """The last part of its name, and which attempt, from the second on."""
    name = visible(line.step.rpartition(":")[2]) or line.step_id or ""
    return name if line.attempt < 2 else f"{name} (attempt {line.attempt})"
