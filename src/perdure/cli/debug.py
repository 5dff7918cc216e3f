"""`perdure debug`: a recorded run under pdb, forward and back."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from perdure.api.connect import keys
from perdure.cli.completion import run_ids
from perdure.cli.escape import visible
from perdure.cli.failure import FAILED
from perdure.cli.listing import form_option, write_json
from perdure.cli.module import import_modules, load_workflows
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.log import read_log, to_events
from perdure.engine.registry import REGISTRY
from perdure.errors import UsageError
from perdure.inspector.reference import record_named
from perdure.testing.debugger.prompt import Prompt
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.sight import Sight, seen_at
from perdure.testing.gate.history import SUFFIX, read_history
from perdure.world import Log


@click.command(short_help="Look into a recorded run, with pdb.")
@click.argument("run", metavar="RUN|FILE", shell_complete=run_ids)
@click.argument("modules", metavar="[MODULE...]", nargs=-1)
@click.option(
    "--event", type=click.IntRange(min=1), metavar="N", help="Begin just after this event; else at the log's end."
)
@form_option("--json", "As --print, as one JSON object.")
@form_option("--print", "Write the line and the locals there, and be done.")
@world_option
@click.pass_context
def debug(
    ctx: click.Context, run: str, modules: tuple[str, ...], event: int | None, form: str | None, world: str | None
) -> None:
    """Replay the run RUN, or a history that `perdure export` wrote, and look at its workflow with pdb.

    No step is run, and nothing is written. At the prompt there are pdb's commands, and: `events`, `goto N`, `next event`,
    `back`, `tasks`, `task K`. MODULES have the workflow's code; without any it is the module that the workflow's name begins
    with. With --print or --json the exit code is 1 where the code doesn't fit the log.

    \b
      perdure debug wrun_01KB4 app.orders
      perdure debug wrun_01KB4 --event 5 --print
    """
    if form is None:
        Prompt(_recording(run, modules, world), visible=visible).explore(event)
        return
    with redirect_stdout(sys.stderr):  # what modules and bodies print
        sight = seen_at(_recording(run, modules, world), event)
    _write(sight, form)
    if sight.divergence is not None:
        ctx.exit(FAILED)


def _recording(run: str, modules: tuple[str, ...], world: str | None) -> Recording:
    """Raises: UsageError, RunNotFound, WorldError."""
    load_workflows(modules) if modules else None
    path = Path(run)
    log = _history(path) if run.endswith(SUFFIX) or path.is_file() else _log(run, world)
    if not modules:
        import_modules([log.run.workflow.partition(":")[0]])
    return Recording(log.run.run_id, to_events(log, keys()), REGISTRY)


def _history(path: Path) -> Log:
    try:
        return read_history(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None


def _log(run: str, world: str | None) -> Log:
    async def work(engine: Engine) -> Log:
        record = await record_named(engine, run)
        return await read_log(engine.world, record.run_id)

    return in_world(world, work)


def _write(sight: Sight, form: str) -> None:
    if form == "json":
        write_json(sight)
        return
    for line in sight.lines():
        click.echo(visible(line) if sys.stdout.isatty() else line)
