"""The demo: `python -m examples.fulfilment [--orders N] [--kills K] [--keep]`.

Fulfils the orders of `orders.csv` with a provider and a worker in processes of their own, kills the worker in the
middle, starts another one, and asks the provider's ledger at the end. Exits with 1 if anything is wrong there.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from examples.fulfilment.audit import audit
from examples.fulfilment.children import ChildFailed, child, end_of
from examples.fulfilment.job import Job, Kill, place_orders
from examples.fulfilment.ledger import read_ledger
from examples.fulfilment.orders import ORDERS_CSV, AcceptedLine, read_orders
from examples.fulfilment.screen import Screen, rejected_table, summary_table, verdict
from examples.fulfilment.timeline import most_eventful_run, timeline
from perdure import close, configure

DEMO_FOLDER = Path(".perdure", "demo")


class Demo:
    """One demo in a folder of its own, which holds the world, the ledger, the invoices and the logs."""

    def __init__(self, folder: Path, lines: list[AcceptedLine], kills: int) -> None:
        self.folder = folder
        self.world = f"sqlite:///{folder / 'world.db'}"
        self.invoices = folder / "invoices"
        self.invoices.mkdir()
        self.lines = lines
        self.kills = kills
        self.job = Job(total=len({line.order.id for line in lines}))
        self.answers: Mapping[str, str] = {}

    async def fulfil_all(self, screen: Screen) -> None:
        """Returns when each order's run has ended, and the provider too."""
        ledger, log = self.folder / "ledger.jsonl", self.folder / "provider.log"
        async with child("examples.fulfilment.provider", str(ledger), log=log, environment=os.environ) as (_, url):
            screen.say(f"the provider of payments, stock and mail answers at {url}")
            async with asyncio.TaskGroup() as group:
                group.create_task(place_orders(self.lines, self.job))
                group.create_task(self._keep_working(url, screen))
                group.create_task(self._keep_showing(url, screen))

    def audit(self) -> list[str]:
        """What the provider's ledger, read back from disk, says against us."""
        invoices = {path.stem for path in self.invoices.glob("*.txt")}
        return audit(self.job.orders, self.job.fulfilled, read_ledger(self.folder / "ledger.jsonl"), invoices)

    async def _keep_working(self, provider_url: str, screen: Screen) -> None:
        """One worker after the other; each but the last is killed when its share of the runs has ended."""
        environment = {
            **os.environ,
            "PERDURE_WORLD": self.world,
            "PROVIDER_URL": provider_url,
            "INVOICES": str(self.invoices),
        }
        log = self.folder / "worker.log"
        for nth in range(1, self.kills + 2):
            async with child("examples.fulfilment.worker", log=log, environment=environment) as (worker, _):
                screen.say(f"worker {worker.pid} started")
                enough = self.job.total * nth // (self.kills + 1)
                while len(self.job.fulfilled) < enough:
                    if worker.returncode is not None:
                        raise ChildFailed(f"worker {worker.pid} ended by itself:\n{end_of(log)}")
                    await asyncio.sleep(0.02)
                if nth <= self.kills:
                    await self._kill(worker, screen)

    async def _kill(self, worker: Process, screen: Screen) -> None:
        worker.kill()
        await worker.wait()
        kill = Kill(worker.pid, datetime.now(UTC), self.job.open_runs())
        self.job.kills.append(kill)
        screen.say(f"[bold red]worker {kill.pid} killed (SIGKILL), with {len(kill.open_runs)} runs open[/]")

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


async def run_demo(folder: Path, lines: int | None, kills: int) -> bool:
    """Whether the audit found nothing."""
    accepted, rejected = read_orders(ORDERS_CSV, lines)
    demo = Demo(folder, accepted, kills)
    configure(world=demo.world, work=False)
    try:
        with Screen(demo.job.total) as screen:
            await demo.fulfil_all(screen)
        log = await timeline(await most_eventful_run(demo.job), demo.job.kills)
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
    parser.add_argument("--orders", type=_number(1), metavar="N", help="only the first N lines of orders.csv")
    parser.add_argument("--kills", type=_number(0), default=1, metavar="K", help="kill the worker K times (default 1)")
    parser.add_argument("--keep", action="store_true", help="keep the folder, to look around with `perdure inspect`")
    options = parser.parse_args()
    DEMO_FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=DEMO_FOLDER))
    right, stopped = False, False
    try:
        right = _right_in_the_end(folder, options.orders, options.kills)
    except KeyboardInterrupt:
        stopped = True
    if options.keep or not (right or stopped):
        print(f"kept {folder}; look around with: perdure inspect runs --world sqlite:///{folder / 'world.db'}")
    else:
        shutil.rmtree(folder)
    if stopped:
        print("stopped; provider and worker have ended", file=sys.stderr)
        return 130
    return 0 if right else 1


def _right_in_the_end(folder: Path, lines: int | None, kills: int) -> bool:
    try:
        return asyncio.run(run_demo(folder, lines, kills))
    except* ChildFailed as failed:
        for error in failed.exceptions:
            print(error, file=sys.stderr)
    return False


def _number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least} up")
        return int(text)

    return parse


if __name__ == "__main__":
    sys.exit(main())
