"""`perdure worker`: a process that owns and runs runs until it is told to stop, and then hands back what is left."""

import asyncio
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click

from perdure.api.connect import close, configure
from perdure.api.worker import worker as working
from perdure.cli.human import counted, span
from perdure.cli.parameter import DURATION
from perdure.cli.world import url_of, world_option
from perdure.engine.registry import REGISTRY
from perdure.errors import PerdureError, UsageError

JOIN_S = 0.2
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@click.command(short_help="Run workflows.")
@click.argument("modules", metavar="MODULE...", nargs=-1, required=True)
@click.option(
    "--concurrency", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="Steps at once."
)
@click.option(
    "--grace", type=DURATION, default="30s", show_default=True, help="How long running steps may take to end at a stop."
)
@world_option
def worker(modules: tuple[str, ...], concurrency: int, grace: int, world: str | None) -> None:
    """Import each MODULE, and run the runs of the workflows that it defines, until a signal comes.

    At SIGTERM or SIGINT (Ctrl-C) nothing new begins: steps that run may end within the grace, then every run is
    handed back, for another worker or the next start of this one. A second signal hands back at once.

    \b
      perdure worker app.workflows --concurrency 200
    """
    load(modules)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    url = url_of(world)
    configure(world=url, work=False)
    asyncio.run(serve(url, concurrency, grace))
    leave_stuck_threads()


def load(modules: tuple[str, ...]) -> None:
    """Import them, the current folder first. Raises: UsageError where one can't be, or none defines a workflow."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in modules:
        _load(module)
    if not REGISTRY.served:
        raise UsageError(f"{', '.join(modules)} defines no workflow: name the modules whose functions have @workflow")


async def serve(url: str, concurrency: int, grace_ms: int) -> None:
    """Work until the first signal. Raises: WorldError."""
    stop = Stop()
    try:
        async with working(concurrency=concurrency, grace=grace_ms / 1000) as at_work:
            click.echo(f"running {counted(len(REGISTRY.served), 'workflow')} in {url}", err=True)
            await stop.asked.wait()
            stop.hurry = at_work.steps.close
            click.echo(f"draining: {_left(len(at_work.runs), at_work.steps.busy, grace_ms)}", err=True)
    finally:
        await close()
    click.echo("drained", err=True)


class Stop:
    """The signals: the first asks for a drain, the second ends its patience, a third has its usual effect."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if not self.asked.is_set():
            self.asked.set()
            return
        self.hurry()
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)


def leave_stuck_threads() -> None:
    """End the process now if a sync step still holds its thread: Python would wait for it, for as long as it takes."""
    stuck = [thread for thread in threading.enumerate() if thread.name.startswith("perdure-step")]
    for thread in stuck:
        thread.join(JOIN_S / len(stuck))
    alive = sum(thread.is_alive() for thread in stuck)
    if alive:
        click.echo(f"{counted(alive, 'sync step')} did not end: left behind, and the runs handed back", err=True)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _left(runs: int, steps: int, grace_ms: int) -> str:
    if not steps:
        return f"{counted(runs, 'run')} to hand back"
    patience = f"for at most {span(grace_ms)}; a second signal ends that at once"
    return f"{counted(runs, 'run')} to hand back after {counted(steps, 'step')} that may end, {patience}"


def _load(module: str) -> None:
    if module.endswith(".py") or os.sep in module:
        name = ".".join(Path(module).with_suffix("").parts)
        raise UsageError(f"{module} is a file: name the module, as an import would: perdure worker {name}")
    try:
        importlib.import_module(module)
    except PerdureError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise UsageError(f"there is no module {module}, neither in {os.getcwd()} nor where Python looks") from error
        raise _unimportable(module, error) from error
    except Exception as error:
        raise _unimportable(module, error) from error


def _unimportable(module: str, error: Exception) -> UsageError:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})" if traceback is not None else ""
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}:{error.lineno})"
    return UsageError(f"{module} can't be imported: {type(error).__name__}: {error}{place}")
