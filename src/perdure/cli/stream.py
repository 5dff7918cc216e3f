"""`perdure stream`: what a run writes for whoever follows it, a line for each chunk."""

import sys
from collections.abc import Iterable
from contextlib import aclosing
from typing import NamedTuple

import click

from perdure.api.plain import json_line, plain_value
from perdure.api.stream import HIDDEN, checked_namespace
from perdure.cli.completion import run_ids
from perdure.cli.escape import visible, visible_json
from perdure.cli.human import counted
from perdure.cli.listing import form_option
from perdure.cli.pipe import while_read
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named
from perdure.world.stream import Chunk, StreamRecord


class Lines(NamedTuple):
    """How values are written. `quoted`: texts as JSON too. `escaped`: for a terminal."""

    quoted: bool
    escaped: bool

    def of(self, chunk: Chunk) -> str:
        value = plain_value(chunk.data)
        if isinstance(value, str) and not self.quoted:
            return visible(value) if self.escaped else value
        text = json_line(value)
        return visible_json(text) if self.escaped else text

    def write(self, chunks: Iterable[Chunk]) -> None:
        text = "".join(f"{self.of(chunk)}\n" for chunk in chunks)
        click.echo(text.encode(errors="backslashreplace"), nl=False)  # half of a surrogate pair has no UTF-8


@click.command(short_help="Write a run's stream.")
@click.argument("run", shell_complete=run_ids)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until the stream is closed.")
@click.option("--namespace", metavar="NS", help="Another stream than the default one.")
@click.option(
    "--start-index",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="Begin with this chunk; -N: with the Nth last.",
)
@form_option("--json", "Each value as JSON, texts too.")
@form_option("--jsonl", "The same.")
@world_option
def stream(
    run: str, follow: bool, namespace: str | None, start_index: int, form: str | None, world: str | None
) -> None:
    """Write what the run RUN has written to its stream, a line for each value.

    Texts are written as they are, and may have several lines; everything else is JSON. On a terminal, what could
    command it is written as an escape. Without --follow it ends with what there is; with it, Ctrl-C ends it.

    \b
      perdure stream wrun_01KB4 --follow --jsonl | jq .done
    """
    name = checked_namespace(namespace) or ""
    lines = Lines(quoted=form is not None, escaped=sys.stdout.isatty())

    async def work(engine: Engine) -> None:
        record = await record_named(engine, run)
        found = await engine.readers.record(record.run_id, name)
        if follow and not found.closed:
            await tell_if_unserved(engine, record)
        async with while_read():
            await _write(engine, found, start_index, lines, follow=follow)
        if not follow:
            await _tell_what_is_not_here(engine, found)

    in_world(world, work)


async def _write(engine: Engine, found: StreamRecord, start_index: int, lines: Lines, *, follow: bool) -> None:
    first = found.index_of(start_index)
    if not follow and first == found.length:
        return
    async with aclosing(engine.readers.pages(found.run_id, found.stream, first)) as pages:
        async for page in pages:
            lines.write(page if follow else page[: found.length - page[0].index])
            if not follow and page[-1].index + 1 >= found.length:
                return


async def _tell_what_is_not_here(engine: Engine, found: StreamRecord) -> None:
    """On standard error: whether there may be more, and other streams, for who might have meant them."""
    if found.closed:
        told = "" if found.length else "nothing was written to this stream"
    elif found.length:
        told = f"{counted(found.length, 'chunk')} so far: --follow waits for more, --start-index {found.length} skips these"
    else:
        told = "nothing was written to this stream so far: --follow waits for it"
    if told:
        click.echo(told, err=True)
    if not found.length:
        streams = await engine.world.streams.list(found.run_id)
        others = [each.stream for each in streams if each.stream and not each.stream.startswith(HIDDEN)]
        if others:
            click.echo(f"there are others: {', '.join(f'--namespace {name}' for name in others)}", err=True)
