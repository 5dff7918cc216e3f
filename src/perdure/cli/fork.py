"""`perdure fork`: a new run that goes on from before a step of an old one."""

from pathlib import Path
from typing import Any

import click

from perdure.api.run import get_run
from perdure.cli.actor import by_option
from perdure.cli.arguments import json_value
from perdure.cli.completion import run_ids, step_ids
from perdure.cli.module import load_workflows
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.errors import UsageError
from perdure.inspector.reference import record_named


@click.command(short_help="Start a new run from before a step of an old one.")
@click.argument("run", shell_complete=run_ids)
@click.argument("modules", metavar="MODULE...", nargs=-1, required=True)
@click.option(
    "--from",
    "step",
    metavar="STEP",
    shell_complete=step_ids,
    help="Id of the step, a beginning of it, or its name.",
)
@click.option("--edit", metavar="FILE", help="JSON: arguments, by name, in place of the recorded ones; - reads it.")
@click.option(
    "--set",
    "outputs",
    metavar="STEP=FILE",
    multiple=True,
    help="JSON: what a step comes to instead; without --from go on from there. Repeatable.",
)
@by_option
@world_option
def fork(
    run: str,
    modules: tuple[str, ...],
    step: str | None,
    edit: str | None,
    outputs: tuple[str, ...],
    by: str | None,
    world: str | None,
) -> None:
    """Start a new run that takes over what RUN recorded before it called STEP, and write its id.

    What was done before that isn't done again; STEP and all that follows is, under new step ids. MODULES have the
    workflow's code: unless it fits what is taken over, with the edited arguments and outputs, nothing is started.

    \b
      perdure fork wrun_01KB4 app.orders --from ship
      perdure fork wrun_01KB4 app.orders --from step_5Q2 --edit input.json
      perdure fork wrun_01KB4 app.orders --set charge=declined.json
    """
    if step is None and not outputs:
        raise UsageError("give a step to fork from, --from STEP, or an output to go on from, --set STEP=FILE")
    edits, changed = {} if edit is None else _edits_in(edit), dict(_output_in(each) for each in outputs)
    load_workflows(modules)

    async def work(engine: Engine) -> None:
        record = await record_named(engine, run)
        forked = await get_run(record.run_id).fork(step, input=edits, outputs=changed, by=by)
        click.echo(forked.run_id)
        await tell_if_unserved(engine, await record_named(engine, forked.run_id))

    in_world(world, work)


def _edits_in(file: str) -> dict[str, Any]:
    """The arguments in a file. Raises: UsageError."""
    value = _json_in(file)
    if not isinstance(value, dict):
        raise UsageError(f'{file} holds no object: write the arguments to change by name, as in {{"order": "o-17"}}')
    return value  # pyright: ignore[reportUnknownVariableType] - its keys are texts


def _output_in(text: str) -> tuple[str, Any]:
    """The step and its output. Raises: UsageError."""
    step, equals, file = text.partition("=")
    if not (step and equals and file):
        raise UsageError(f"{text!r} sets no output: write STEP=FILE, as in charge=declined.json")
    return step, _json_in(file)


def _json_in(file: str) -> Any:
    """Raises: UsageError."""
    try:
        return json_value("-" if file == "-" else Path(file).read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8") from None
