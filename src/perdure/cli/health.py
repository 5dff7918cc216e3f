"""`perdure health`: whether a world can be reached, who works on it, and what waits for somebody."""

from collections import Counter
from typing import Any, NamedTuple

import click
import msgspec

from perdure.api.records import moment
from perdure.cli.detail import Part, write_detail
from perdure.cli.failure import FAILED
from perdure.cli.human import counted, iso, span
from perdure.cli.listing import form_option, write_json
from perdure.cli.table import Cell
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.engine.process import is_gone, is_here
from perdure.model.queue import queue_of
from perdure.world.ownership import WorkerRecord
from perdure.world.query import RunFilter

_TITLES = {"runs": "runs", "queued": "in queues", "pins": "pinned", "unserved": "unserved"}


class Health(NamedTuple):
    """`runs`: those that haven't ended, by status; `queued`: by queue, steps that were sent there; `pins`: of the runs, by
    deployment, those that are pinned to it; `unserved`: by workflow (a step's in a queue is `queue:gpu/app:embed`), and the
    deployment that it is pinned to, what nobody could run. All None where runs weren't counted."""

    world: str
    workers: tuple[WorkerRecord, ...]
    runs: dict[str, int] | None = None
    queued: dict[str, int] | None = None
    pins: dict[str, int] | None = None
    unserved: dict[str, int] | None = None

    @property
    def works(self) -> bool:
        return any(is_live(worker) for worker in self.workers)

    def stuck(self) -> list[str]:
        """Which runs can't go on by themselves, in words."""
        blocked, unserved = (self.runs or {}).get("blocked", 0), self.unserved or {}
        steps = sum(count for name, count in unserved.items() if queue_of(name) is not None)
        runs = sum(unserved.values()) - steps
        told = {
            f"{counted(blocked, 'run')} blocked": blocked,
            f"{counted(runs, 'run')} served by nobody": runs,
            f"{counted(steps, 'step')} in queues that nobody serves": steps,
        }
        return [words for words, count in told.items() if count]

    def as_json(self) -> dict[str, Any]:
        return {
            "world": self.world,
            "live": self.works,
            "workers": [worker_json(worker) for worker in self.workers],
            **self.counts(),
        }

    def counts(self) -> dict[str, dict[str, int]]:
        counts = {"runs": self.runs, "queued": self.queued, "pins": self.pins, "unserved": self.unserved}
        return {name: count for name, count in counts.items() if count is not None}


@click.command(short_help="Show whether runs can go on.")
@form_option("--json", "One JSON object.")
@click.option(
    "--here", is_flag=True, help="Only this machine's (or container's) workers count, and runs aren't counted."
)
@world_option
@click.pass_context
def health(ctx: click.Context, form: str | None, here: bool, world: str | None) -> None:
    """Show whether the world can be reached, its workers, and how many runs haven't ended.

    Exit code 0 if a worker lives, 1 if no worker lives, 4 if the world can't be reached, or isn't there. With --here it is
    a cheap probe of a worker's own container.
    """
    found = in_world(world, look_here if here else look)
    if form == "json":
        write_json(found.as_json())
    else:
        write_detail(parts_of(found))
    if not found.works:
        nobody = "no live worker here" if here else "no live worker"
        click.echo(f"{nobody}: start `perdure worker MODULE` or `perdure serve MODULE`", err=True)
        ctx.exit(FAILED)


async def look_here(engine: Engine) -> Health:
    """Raises: WorldError."""
    workers = await engine.world.workers()
    return Health(engine.world.url, tuple(worker for worker in workers if is_here(worker.process)))


async def look(engine: Engine) -> Health:
    """Raises: WorldError."""
    workers = await engine.world.workers()
    live = [worker for worker in workers if is_live(worker)]
    runs, queued = Counter[str](pending=0, running=0, blocked=0), Counter[str]()
    pins, unserved = Counter[str](), Counter[str]()
    async for run in walk_runs(engine.world, RunFilter(status=("pending", "running", "blocked"))):
        queue = queue_of(run.workflow)
        if queue is not None:
            queued[queue] += 1
        else:
            runs[run.status] += 1
            if run.pin:
                pins[run.pin] += 1
        if run.status != "blocked" and not any(worker.serves(run.workflow, run.pin) for worker in live):
            unserved[f"{run.workflow} of {run.pin}" if run.pin else run.workflow] += 1
    counts = [dict(found.most_common()) for found in (queued, pins, unserved)]
    return Health(engine.world.url, workers, dict(runs), *counts)


def is_live(worker: WorkerRecord) -> bool:
    """By its lease; on this host also by its process, which may have gone before it."""
    return worker.leased and not is_gone(worker.process)


def worker_json(worker: WorkerRecord) -> dict[str, Any]:
    return {
        "workerId": worker.worker_id,
        "live": is_live(worker),
        "leaseUntil": iso(moment(worker.lease_until_ms)),
        "runs": worker.runs,
        "workflows": list(worker.workflows),
        "deployment": worker.deployment,
    }


def parts_of(found: Health) -> list[Part]:
    return [
        Part("world", "world", Cell(found.world)),
        Part("live", "status", live_cell(found)),
        Part("workers", "workers", workers_cell(found.workers)),
        *(
            Part(name, _TITLES[name], counts_cell(counts, "yellow" if name == "unserved" else ""))
            for name, counts in found.counts().items()
        ),
    ]


def live_cell(found: Health) -> Cell:
    if not found.works:
        return Cell("nobody works", "false", style="bold red")
    stuck = found.stuck()
    if stuck:
        return Cell(f"at work, but {' and '.join(stuck)}", "true", style="yellow")
    return Cell("at work", "true", style="green")


def workers_cell(workers: tuple[WorkerRecord, ...]) -> Cell:
    """A line for each."""
    raw = msgspec.json.encode([worker_json(worker) for worker in workers]).decode()
    return Cell("\n".join(map(_in_words, workers)), raw)


def counts_cell(counts: dict[str, int], style: str = "") -> Cell:
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return Cell(told, msgspec.json.encode(counts).decode(), style)


def _in_words(worker: WorkerRecord) -> str:
    queues = sorted({queue for name in worker.workflows if (queue := queue_of(name)) is not None})
    workflows = counted(sum(queue_of(name) is None for name in worker.workflows), "workflow")
    served = " and ".join([workflows, *(f"queue {queue}" for queue in queues)])
    work = f"serves {served}, holds {counted(worker.runs, 'run')}"
    left_ms = worker.lease_until_ms - worker.now_ms
    lease = f"its lease ends in {span(left_ms)}" if is_live(worker) else "dead"
    return f"{worker.worker_id}  {work}, {lease}"
