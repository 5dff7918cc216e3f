"""One run's log, told with the blows in between: what was recorded before, and what went on after."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from examples.fulfilment.job import Blow, Job
from examples.fulfilment.workflows import Receipt
from perdure import get_run


async def most_eventful_run(job: Job) -> str:
    """The run with the longest log, of those that were open at a blow if there were blows."""
    interrupted = {run_id for blow in job.blows for run_id in blow.open_runs}
    lengths = {run_id: await _length(run_id) for run_id in interrupted or job.run_ids.values()}
    return max(lengths, key=lambda run_id: lengths[run_id])


async def _length(run_id: str) -> int:
    return len([event async for event in get_run(run_id, Receipt).events()])


async def timeline(run_id: str, blows: Sequence[Blow]) -> Table:
    """The run's events in order, with the time since the first, and a line for each blow while it was open."""
    events = [event async for event in get_run(run_id, Receipt).events()]
    began_at = events[0].at
    told = [(event.at, event.type, _short(event.key)) for event in events]
    told += [(blow.at, f"[bold red]{blow.how}[/]", blow.victim) for blow in blows if run_id in blow.open_runs]
    table = Table(title=f"The log of {run_id}", title_justify="left", box=None, show_header=False)
    for at, what, where in sorted(told, key=lambda line: line[0]):
        table.add_row(f"{(at - began_at).total_seconds():6.2f} s", what, escape(where))
    return table


def _short(key: str) -> str:
    """The name at the end of a key such as `0/step:examples.fulfilment.workflows:charge#0`."""
    return key.rpartition(":")[2].removesuffix("#0")
