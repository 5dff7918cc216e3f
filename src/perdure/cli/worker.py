"""`perdure worker`: a process that owns and runs runs until it is told to stop, and then hands back what is left."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import click

from perdure.api.connect import CONNECTION, close, configure, shown_url
from perdure.api.worker import worker as working
from perdure.cli.completion import queues
from perdure.cli.human import counted, span
from perdure.cli.leash import Leash
from perdure.cli.module import load_steps, load_workflows
from perdure.cli.parameter import DURATION, QUEUE
from perdure.cli.supervisor import SIGNALS, supervise
from perdure.cli.world import url_of, world_option
from perdure.engine.registry import REGISTRY
from perdure.engine.worker import Worker
from perdure.model.queue import DEFAULT

JOIN_S = 0.2
"""So many objects more than before, some megabytes, and Python looks for circles among them; 700 by itself."""


@click.command(short_help="Run workflows.")
@click.argument("modules", metavar="MODULE...", nargs=-1, required=True)
@click.option(
    "--concurrency", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="Steps at once."
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="P",
    default=1,
    show_default=True,
    help="So many workers as this.",
)
@click.option(
    "--grace", type=DURATION, default="30s", show_default=True, help="How long running steps may take to end at a stop."
)
@click.option(
    "--queue",
    "queues",
    metavar="NAME",
    type=QUEUE,
    shell_complete=queues,
    multiple=True,
    default=(DEFAULT,),
    show_default=True,
    help="Whose steps it runs; repeatable. Workflows are in the queue 'default'.",
)
@click.option("--deployment", metavar="NAME", help="Names this code, and pins to it the runs that it starts.")
@click.option("--leash", type=int, hidden=True)
@world_option
@click.pass_context
def worker(ctx: click.Context, modules: tuple[str, ...], processes: int, **given: Any) -> None:
    """Import each MODULE, and run the runs of the workflows that it defines, until a signal comes.

    Steps that name another queue, as @step(queue="gpu") does, are left to the workers that serve it.

    At SIGTERM or SIGINT (Ctrl-C) nothing new begins: steps that run may end within the grace, then every run is
    handed back, for another worker or the next start of this one. A second signal hands back at once.

    \b
      perdure worker app.workflows --concurrency 200
      perdure worker app.workflows --processes 4
      perdure worker app.workflows --queue gpu --concurrency 1
    """
    options = Options(**given)
    if processes > 1:
        log_to_stderr()
        ctx.exit(asyncio.run(supervise(options.words(modules), processes)))
    load_for(options.queues, modules)
    log_to_stderr(supervised=options.leash is not None)
    url = url_of(options.world or CONNECTION.url)  # the modules may have configured it
    known = CONNECTION
    configure(
        world=url,
        work=False,
        base_url=known.base_url,
        deployment=options.deployment or known.deployment,
        retention=known.retention,
        keys=known.keys,
        capture_logs=known.capture_logs,
        telemetry=known.telemetry,
    )
    spare_imports()
    asyncio.run(serve(url, options))
    leave_stuck_threads()


class Options(NamedTuple):
    """As they were given; `leash`: the end that a supervisor holds the other one of."""

    concurrency: int
    grace: int
    queues: tuple[str, ...]
    deployment: str | None
    leash: int | None
    world: str | None

    def words(self, modules: Sequence[str]) -> list[str]:
        """The command that does the same in another process."""
        words = ["worker", *modules, "--concurrency", str(self.concurrency), "--grace", f"{self.grace}ms"]
        for queue in self.queues:
            words += ["--queue", queue]
        if self.deployment is not None:
            words += ["--deployment", self.deployment]
        return words if self.world is None else [*words, "--world", self.world]


def load_for(queues: Collection[str], modules: Iterable[str]) -> None:
    """Import what a worker of these queues needs. Raises: UsageError where there is nothing for it."""
    if DEFAULT in queues:
        load_workflows(modules)
    else:
        load_steps(modules)
    known = {step.queue for step in REGISTRY.steps()} - {DEFAULT}
    for queue in sorted(set(queues) - known - {DEFAULT}):
        there_is = f"those that are named: {', '.join(sorted(known))}" if known else "none is named"
        click.echo(f"no step of {', '.join(modules)} names the queue {queue} ({there_is})", err=True)


def work_of(queues: Collection[str]) -> str:
    """What a worker of these queues runs, in words."""
    others = sorted(set(queues) - {DEFAULT})
    workflows = [counted(len(REGISTRY.served), "workflow")] if DEFAULT in queues else []
    steps = [f"the steps of {'queue' if len(others) == 1 else 'queues'} {', '.join(others)}"] if others else []
    return " and ".join([*workflows, *steps])


async def serve(url: str, options: Options) -> None:
    """Work until the first signal. Raises: WorldError."""
    stop = Stop()
    leash = None if options.leash is None else Leash(options.leash)
    me = "" if leash is None else f"process {os.getpid()}: "
    if leash is not None:
        leash.obey(stop.drain, stop.at_once)
    try:
        queues = frozenset(options.queues)
        async with working(concurrency=options.concurrency, grace=options.grace / 1000, queues=queues) as at_work:
            click.echo(f"{me}running {work_of(queues)} in {shown_url(url)}", err=True)
            if leash is not None:
                leash.works()
            await stop.asked.wait()
            stop.hurry = at_work.steps.close
            click.echo(f"{me}{drain_words(at_work, options.grace)}", err=True)
    finally:
        await close()
    click.echo(f"{me}drained", err=True)


def spare_imports() -> None:
    """Have Python never look for circles of garbage among what was imported. For a process that is nothing but a worker.

    A module that has switched that off is left its way.
    """
    if gc.isenabled():
        gc.collect()
        gc.freeze()


def log_to_stderr(*, supervised: bool = False) -> None:
    """`supervised`: several processes share it."""
    form = f"%(asctime)s %(levelname)s {'[%(process)d] ' if supervised else ''}%(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=form)


def drain_words(at_work: Worker, grace_ms: int) -> str:
    """What is left to do."""
    left = f"{counted(len(at_work.runs), 'run')} to hand back"
    if at_work.steps.busy:
        patience = f"for at most {span(grace_ms)}; a second signal ends that at once"
        left = f"{left} after {counted(at_work.steps.busy, 'step')} that may end, {patience}"
    return f"draining: {left}"


class Stop:
    """The signals: the first asks for a drain, the second ends its patience, a third has its usual effect."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry: Callable[[], None] = lambda: None
        self._loop = asyncio.get_running_loop()
        for number in SIGNALS:
            self._loop.add_signal_handler(number, self._signalled)

    def drain(self) -> None:
        """Harmless to repeat."""
        self.asked.set()

    def at_once(self) -> None:
        self.hurry()

    def _signalled(self) -> None:
        if not self.asked.is_set():
            self.drain()
            return
        self.at_once()
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
