"""`perdure check`: what a replay would not see the same, found by reading the source, or by trying recorded runs."""

import os
from collections.abc import Iterable, Sequence

import click

from perdure.api.connect import CONNECTION
from perdure.cli.against import judged
from perdure.cli.failure import FAILED
from perdure.cli.human import counted
from perdure.cli.listing import form_option, write_json
from perdure.cli.module import load_workflows
from perdure.engine.deployment import VARIABLE
from perdure.errors import UsageError
from perdure.replay.linter import check_paths
from perdure.testing.gate.report import Report, report_of

LIMIT = 10_000


@click.command(short_help="Find what a replay would not see the same.")
@click.argument("targets", metavar="FILE|MODULE...", nargs=-1, required=True)
@click.option(
    "--against",
    multiple=True,
    metavar="DIR|FILE|URL",
    help="Try histories, or the runs of a world that are under way, with today's code. Repeatable.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=LIMIT, show_default=True, help="With --against URL: runs at most."
)
@click.option(
    "--deployment", metavar="NAME", default=None, help=f"With --against: the name of today's code. [env: {VARIABLE}]"
)
@form_option("--md", "With --against: a report in Markdown.")
@form_option("--json", "A list of findings; with --against one JSON object.")
@click.pass_context
def check(
    ctx: click.Context,
    targets: tuple[str, ...],
    against: tuple[str, ...],
    limit: int,
    deployment: str | None,
    form: str | None,
) -> None:
    """Find clocks, chance, I/O and the like in the bodies of workflows, in files, folders and modules.

    Each finding is a line with its place and what to use instead; a comment `# perdure: ignore` silences one. Nothing
    is imported or run. Exit code 1 if there is any.

    With --against, MODULES are imported, and their workflows replayed against recorded runs: histories that `perdure
    export` wrote, in a folder or file, or the runs of a world that haven't ended. No step is run, nothing is written. Exit
    code 1 unless all of them fit.
    """
    if against:
        report = _tried(targets, against, limit, deployment)
        _write_report(report, form)
        passes = report.passes
    elif form == "md":
        raise UsageError("--md is for --against: findings are lines, or --json")
    else:
        passes = _read(targets, form)
    if not passes:
        ctx.exit(FAILED)


def _read(targets: Sequence[str], form: str | None) -> bool:
    """Whether the linter finds nothing."""
    findings = check_paths(targets)
    if form == "json":
        write_json({"items": [finding.as_json() for finding in findings], "cursor": None})
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(counted(len(findings), "finding") if findings else "nothing found", err=True)
    return not findings


def _tried(targets: tuple[str, ...], against: Iterable[str], limit: int, deployment: str | None) -> Report:
    load_workflows(targets)
    named = deployment or CONNECTION.deployment or os.environ.get(VARIABLE) or ""
    found = [judged(each, limit, named) for each in against]
    return report_of([verdict for verdicts, _ in found for verdict in verdicts], sum(left for _, left in found))


def _write_report(report: Report, form: str | None) -> None:
    if form == "json":
        write_json({**report.as_json(), "cursor": None})
        return
    for line in report.markdown() if form == "md" else report.lines():
        click.echo(line)
    click.echo(report.summary(), err=True)
