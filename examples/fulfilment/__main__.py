"""The demo: `python -m examples.fulfilment [--postgres] [--orders N] [--kills K] [--keep]`.

Fulfils the orders of `orders.csv` with a provider and a worker in processes of their own, kills the worker in the
middle, starts another one, and asks the provider's ledger at the end. With `--postgres` three workers share a real
PostgreSQL, and that is crashed once as well. Exits with 1 if anything is wrong in the ledger.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from urllib.request import urlopen

from examples.fulfilment.audit import audit
from examples.fulfilment.children import ChildFailed, child
from examples.fulfilment.fleet import Fleet
from examples.fulfilment.job import Job, place_orders
from examples.fulfilment.ledger import read_ledger
from examples.fulfilment.orders import ORDERS_CSV, AcceptedLine, read_orders
from examples.fulfilment.screen import Screen, rejected_table, summary_table, verdict
from examples.fulfilment.server import Server, running
from examples.fulfilment.timeline import most_eventful_run, timeline
from examples.fulfilment.workflows import invoiced
from perdure import close, configure

DEMO_FOLDER = Path(".perdure", "demo")
WORKERS_ON_POSTGRES = 3
KILLS, KILLS_ON_POSTGRES = 1, 6


class Demo:
    """One demo in a folder of its own, which holds the ledger, the invoices, the logs, and the world if that is a file."""

    def __init__(self, folder: Path, lines: list[AcceptedLine], kills: int, server: Server | None) -> None:
        self.folder = folder
        self.world = server.url if server else f"sqlite:///{folder / 'world.db'}"
        self.invoices = folder / "invoices"
        self.invoices.mkdir()
        self.lines = lines
        self.kills = kills
        self.server = server
        self.job = Job(total=len({line.order.id for line in lines}))
        self.answers: Mapping[str, str] = {}

    async def fulfil_all(self, screen: Screen) -> None:
        """Returns when each order's run has ended, and the provider too."""
        ledger, log = self.folder / "ledger.jsonl", self.folder / "provider.log"
        async with child("examples.fulfilment.provider", str(ledger), log=log, environment=os.environ) as (_, url):
            screen.say(f"the provider of payments, stock and mail answers at {url}")
            environment = {
                **os.environ,
                "PERDURE_WORLD": self.world,
                "PROVIDER_URL": url,
                "INVOICES": str(self.invoices),
            }
            fleet = Fleet(self.job, screen, environment, self.folder / "worker.log")
            async with asyncio.TaskGroup() as group:
                group.create_task(place_orders(self.lines, self.job))
                group.create_task(fleet.work(WORKERS_ON_POSTGRES if self.server else 1))
                group.create_task(self._make_trouble(fleet, screen))
                group.create_task(self._keep_showing(url, screen))

    def audit(self) -> list[str]:
        """What the provider's ledger, read back from disk, says against us."""
        ledger = read_ledger(self.folder / "ledger.jsonl")
        return audit(self.job.orders, self.job.fulfilled, ledger, invoiced(self.invoices))

    async def _make_trouble(self, fleet: Fleet, screen: Screen) -> None:
        """A worker is killed each time that another share of the runs has ended; in the middle the server crashes."""
        blows = [(self.job.total * nth // (self.kills + 1), fleet.kill_one) for nth in range(1, self.kills + 1)]
        if self.server:
            blows.append((self.job.total // 2 + 1, lambda: self._crash(screen)))
        for enough, strike in sorted(blows, key=lambda blow: blow[0]):
            while len(self.job.fulfilled) < enough:
                await asyncio.sleep(0.02)
            await strike()

    async def _crash(self, screen: Screen) -> None:
        assert self.server, "only a server is crashed"
        blow = self.job.strike("PostgreSQL", "crash")
        screen.say(f"[bold red]PostgreSQL crashes (stopped as by a power cut), with {len(blow.open_runs)} runs open[/]")
        await asyncio.to_thread(self.server.crash)
        screen.say("PostgreSQL is back, and has recovered from its log")

    async def _keep_showing(self, provider_url: str, screen: Screen) -> None:
        while not self.job.done:
            self.answers = await asyncio.to_thread(_provider_answers, provider_url)
            screen.show(self.job, self.answers)
            await asyncio.sleep(0.2)
        self.answers = await asyncio.to_thread(_provider_answers, provider_url)
        screen.show(self.job, self.answers)


def _provider_answers(url: str) -> dict[str, str]:
    with urlopen(url, timeout=10) as response:
        return json.loads(response.read())


async def run_demo(folder: Path, lines: int | None, kills: int, server: Server | None) -> bool:
    """Whether the audit found nothing."""
    accepted, rejected = read_orders(ORDERS_CSV, lines)
    demo = Demo(folder, accepted, kills, server)
    configure(world=demo.world, work=False)
    logging.basicConfig(filename=folder / "demo.log")  # it tells of a world that is away, which the screen shows better
    try:
        with Screen(demo.job.total) as screen:
            await demo.fulfil_all(screen)
        log = await timeline(await most_eventful_run(demo.job), demo.job.blows)
    finally:
        await close()
    problems = demo.audit()
    for part in (rejected_table(rejected + demo.job.refused), log, summary_table(demo.job, demo.answers)):
        screen.console.print("", part)
    screen.console.print("", verdict(demo.job, problems))
    return not problems


def main() -> int:
    """The exit code: 0 if the audit found nothing, 1 if it did or the demo broke down, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.fulfilment", description="Fulfils orders, whatever dies.")
    parser.add_argument("--postgres", action="store_true", help="three workers on a real PostgreSQL, crashed once")
    parser.add_argument("--orders", type=_number(1), metavar="N", help="only the first N lines of orders.csv")
    parser.add_argument(
        "--kills",
        type=_number(0),
        metavar="K",
        help=f"kill a worker K times (default {KILLS}, on PostgreSQL {KILLS_ON_POSTGRES})",
    )
    parser.add_argument("--keep", action="store_true", help="keep the folder, to look around with `perdure inspect`")
    options = parser.parse_args()
    if options.kills is None:
        options.kills = KILLS_ON_POSTGRES if options.postgres else KILLS
    DEMO_FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=DEMO_FOLDER))
    right, stopped = False, False
    with running() if options.postgres else nullcontext() as server:
        try:
            right = _right_in_the_end(folder, options, server)
        except KeyboardInterrupt:
            stopped = True
        if options.keep or not (right or stopped):
            print(f"kept {folder}; {_where_to_look(folder, server)}")
        else:
            shutil.rmtree(folder)
    if stopped:
        print(f"stopped; provider and worker{'s' if options.postgres else ''} have ended", file=sys.stderr)
        return 130
    return 0 if right else 1


def _right_in_the_end(folder: Path, options: argparse.Namespace, server: Server | None) -> bool:
    try:
        return asyncio.run(run_demo(folder, options.orders, options.kills, server))
    except* ChildFailed as failed:
        for error in _leaves(failed):
            print(error, file=sys.stderr)
    return False


def _leaves(failed: BaseExceptionGroup[ChildFailed]) -> list[ChildFailed]:
    """The failures themselves, however deep the groups of tasks were."""
    return [
        leaf
        for error in failed.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


def _where_to_look(folder: Path, server: Server | None) -> str:
    if server is None:
        return f"look around with: perdure inspect runs --world sqlite:///{folder / 'world.db'}"
    server.keep()
    return f"the world is in {server.data}: start a PostgreSQL 18 on it"


def _number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} up")
        return int(text)

    return parse


if __name__ == "__main__":
    sys.exit(main())
