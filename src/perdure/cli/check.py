"""`perdure check`: what a replay would not see the same, found by reading the source."""

import click

from perdure.cli.failure import FAILED
from perdure.cli.human import counted
from perdure.cli.listing import form_option, write_json
from perdure.replay.linter import check_paths


@click.command(short_help="Find what a replay would not see the same.")
@click.argument("targets", metavar="FILE|MODULE...", nargs=-1, required=True)
@form_option("--json", "One JSON object, with items and cursor.")
@click.pass_context
def check(ctx: click.Context, targets: tuple[str, ...], form: str | None) -> None:
    """Find clocks, chance, I/O and the like in the bodies of workflows, in files, folders and modules.

    Each finding is a line with its place and what to use instead; a comment `# perdure: ignore` silences one. Nothing
    is imported or run. Exit code 1 if there is any.
    """
    findings = check_paths(targets)
    if form == "json":
        write_json({"items": [finding.as_json() for finding in findings], "cursor": None})
    else:
        for finding in findings:
            click.echo(str(finding))
        click.echo(counted(len(findings), "finding") if findings else "nothing found", err=True)
    if findings:
        ctx.exit(FAILED)
