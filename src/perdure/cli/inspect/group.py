"""`perdure inspect`: the group."""

import click

from perdure.cli.inspect.children import children
from perdure.cli.inspect.events import events
from perdure.cli.inspect.hooks import hooks
from perdure.cli.inspect.run import run
from perdure.cli.inspect.runs import runs
from perdure.cli.inspect.step import step
from perdure.cli.inspect.steps import steps
from perdure.cli.inspect.streams import streams
from perdure.cli.inspect.waits import waits
from perdure.cli.inspect.workers import workers
from perdure.cli.inspect.workflows import workflows


@click.group(short_help="Look at runs, and at what is in them.")
def inspect() -> None:
    """Look at runs, and at their steps, events, hooks, waits, streams and children; at workers and workflows. Looking
    changes nothing, and makes no world. What is secret by the name of its field is redacted; PERDURE_REDACT adds names.

    On a terminal lists are tables; in a pipe they are lines with tabs; --json and --jsonl give everything.
    """


for command in (runs, steps, events, hooks, waits, streams, children, workers, workflows, run, step):
    inspect.add_command(command)
