"""Which runs a list is about: the options that say so."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from perdure.cli.completion import workflows
from perdure.cli.parameter import ATTRIBUTE, MOMENT
from perdure.inspector.filter import Wanted


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--workflow`, `--since`, `--until`, `--attr` and `--search`: the command gets them as `wanted`."""

    @wraps(command)
    def bundled(
        *,
        workflow: str | None,
        since: datetime | None,
        until: datetime | None,
        attributes: tuple[tuple[str, str], ...],
        q: str,
        **others: Any,
    ) -> Any:
        return command(wanted=Wanted(workflow, since, until, attributes, q), **others)

    for option in (
        click.option(
            "--search",
            "q",
            metavar="TEXT",
            default="",
            help="In the workflow's name or an attribute's value; or how the id begins.",
        ),
        click.option(
            "--attr", "attributes", metavar="KEY=VALUE", type=ATTRIBUTE, multiple=True, help="With this; repeatable."
        ),
        click.option("--until", metavar="TIME", type=MOMENT, help="Runs started before."),
        click.option("--since", metavar="TIME", type=MOMENT, help="Runs started since: 2h (ago), 2026-01-31T08:30."),
        click.option("--workflow", metavar="NAME", shell_complete=workflows, help="Runs of this workflow."),
    ):
        bundled = option(bundled)
    return bundled
