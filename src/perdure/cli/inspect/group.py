"""`perdure inspect`: the group."""

import click

from perdure.cli.inspect.events import events
from perdure.cli.inspect.run import run
from perdure.cli.inspect.runs import runs
from perdure.cli.inspect.step import step
from perdure.cli.inspect.steps import steps


@click.group(short_help="Look at runs, steps and events.")
def inspect() -> None:
    """Look at runs, steps and events. Looking changes nothing, and makes no world.

    On a terminal lists are tables; in a pipe they are lines with tabs; --json and --jsonl give everything.
    """


for command in (runs, steps, events, run, step):
    inspect.add_command(command)
