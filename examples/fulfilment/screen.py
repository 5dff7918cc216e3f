"""What the demo shows: bars on a terminal, plain lines elsewhere, and at the end the tables."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.fulfilment.job import Job
from examples.fulfilment.orders import RejectedLine

PLAIN_LINE_EVERY_S = 2.0


class Screen:
    """The live part. Use it as a context."""

    def __init__(self, total: int) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._placed = self._progress.add_task("orders placed", total=total, note="")
        self._ended = self._progress.add_task("runs ended", total=total, note="")
        self._began_at = self._plain_line_at = time.monotonic()

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, sentence: str) -> None:
        """One line, above the bars, with the time since the start."""
        self.console.print(f"[dim]{time.monotonic() - self._began_at:5.1f} s[/dim]  {sentence}")

    def show(self, job: Job, answers: Mapping[str, str]) -> None:
        """Where the job stands, and what the provider did to it so far."""
        note = faults(answers)
        self._progress.update(self._placed, completed=len(job.orders))
        self._progress.update(self._ended, completed=len(job.fulfilled), note=note)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._plain_line_at >= PLAIN_LINE_EVERY_S:
            self._plain_line_at = now
            self.say(f"{len(job.orders)} orders placed, {len(job.fulfilled)} of {job.total} runs ended; {note}")


def faults(answers: Mapping[str, str]) -> str:
    """The provider's misdeeds, counted."""
    names = {"429": "too busy", "500": "failed", "cut": "cut off", "409": "asked again"}
    return "provider: " + ", ".join(f"{answers.get(status, '0')} {name}" for status, name in names.items())


def rejected_table(rejected: Sequence[RejectedLine]) -> Table:
    """The lines of the export that became no order."""
    table = Table("line", "reason", title="Rejected lines of orders.csv", title_justify="left", box=None)
    for line in sorted(rejected, key=lambda line: line.number):
        table.add_row(str(line.number), escape(line.reason))
    return table


def summary_table(job: Job, answers: Mapping[str, str]) -> Table:
    """The job in numbers."""
    table = Table(title="Summary", title_justify="left", box=None, show_header=False)
    fulfilled = sum(job.fulfilled.values())
    rows: list[tuple[int, str]] = [
        (len(job.orders), "orders, each a run"),
        (len(job.repeated), "exported again: found the first line's run"),
        (fulfilled, "fulfilled"),
        *((count, f"not fulfilled: {reason}") for reason, count in Counter(job.reasons.values()).most_common()),
        *((len(blow.open_runs), f"runs open at the {blow.how} of {blow.victim}") for blow in job.blows),
    ]
    for count, what in rows:
        table.add_row(str(count), escape(what))
    table.add_row("", faults(answers))
    return table


def verdict(job: Job, problems: Sequence[str]) -> Table:
    """What the provider's ledger says, in a sentence each."""
    table = Table(title="The provider's ledger, read back from disk", title_justify="left", box=None, show_header=False)
    for problem in problems:
        table.add_row("[bold red]wrong[/]", escape(problem))
    if not problems:
        blows = Counter(blow.how for blow in job.blows)
        table.add_row("[bold green]right[/]", f"none of the {len(job.orders)} orders is lost{_survived(blows)}")
        fulfilled = sum(job.fulfilled.values())
        table.add_row("[bold green]right[/]", f"each of the {fulfilled} fulfilled orders was charged exactly once")
        table.add_row("[bold green]right[/]", "each other order was refunded exactly once, or never charged")
        table.add_row("[bold green]right[/]", "nothing was charged without an order")
    return table


def _survived(blows: Mapping[str, int]) -> str:
    return ", after " + " and ".join(f"{count} × {how}" for how, count in blows.items()) if blows else ""
