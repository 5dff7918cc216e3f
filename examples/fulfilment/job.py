"""What the demo knows of its own job: the orders it placed, how their runs ended, what it brought down."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from examples.fulfilment.orders import AcceptedLine, Order, RejectedLine
from examples.fulfilment.workflows import Receipt, fulfil
from perdure import Run, RunFailed, StartConflict, StartOptions, WorldUnavailable, get_run, start

ORDERS_PER_SECOND = 24
AGAIN_S = 0.2


@dataclass(frozen=True)
class Blow:
    """Who went down, by what, when, and the runs that weren't done by then."""

    victim: str
    how: str
    at: datetime
    open_runs: list[str]


@dataclass
class Job:
    """Grows while the demo runs; the screen reads it. Keys are order ids, unless said otherwise."""

    total: int
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    run_ids: dict[str, str] = field(default_factory=dict[str, str])
    fulfilled: dict[str, bool] = field(default_factory=dict[str, bool])
    reasons: dict[str, str] = field(default_factory=dict[str, str])
    repeated: list[AcceptedLine] = field(default_factory=list[AcceptedLine])
    refused: list[RejectedLine] = field(default_factory=list[RejectedLine])
    blows: list[Blow] = field(default_factory=list[Blow])

    @property
    def done(self) -> bool:
        """Whether each order's run has ended."""
        return len(self.fulfilled) == self.total

    def open_runs(self) -> list[str]:
        """The runs that have begun and not ended."""
        return [run_id for order_id, run_id in self.run_ids.items() if order_id not in self.fulfilled]

    def strike(self, victim: str, how: str) -> Blow:
        """Notes that somebody is going down now."""
        blow = Blow(victim, how, datetime.now(UTC), self.open_runs())
        self.blows.append(blow)
        return blow


async def place_orders(lines: Sequence[AcceptedLine], job: Job) -> None:
    """Starts a run for each order, as they come in, and follows it to its end.

    The order's id is the idempotency key: a line that was exported twice finds the first one's run. The same id with
    anything else in the line is refused.
    """
    async with asyncio.TaskGroup() as following:
        for line in lines:
            order = line.order
            try:
                run = await started(order)
            except StartConflict:
                job.refused.append(RejectedLine(line.number, f"{order.id} was ordered before, with other values"))
                continue
            if order.id in job.orders:
                job.repeated.append(line)
                continue
            job.orders[order.id] = order
            job.run_ids[order.id] = run.run_id
            following.create_task(follow(order.id, job))
            await asyncio.sleep(1 / ORDERS_PER_SECOND)


async def follow(order_id: str, job: Job) -> None:
    """Waits for the end of an order's run, and notes it."""
    try:
        await get_run(job.run_ids[order_id], Receipt).result()
        job.fulfilled[order_id] = True
    except RunFailed as failed:
        job.reasons[order_id] = str(failed.__cause__)
        job.fulfilled[order_id] = False


async def started(order: Order) -> Run[Receipt]:
    """The order's run. A database that restarts is asked again: a start with the same key is the same run."""
    while True:
        try:
            return await start(fulfil, order, options=StartOptions(idempotency_key=f"order:{order.id}"))
        except WorldUnavailable:
            await asyncio.sleep(AGAIN_S)
