"""Who acts: the name that is recorded with what a command does to a run."""

import getpass
from collections.abc import Callable
from typing import Any, TypeVar

import click

from perdure.api.options import check_by
from perdure.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])
VARIABLE = "PERDURE_BY"
"""Who it is that does something to a run on the command line, for its log. Without it the login name."""


def by_option(command: Command) -> Command:
    """Adds `--by NAME`: without it PERDURE_BY, else the login name; None where there is no usable one."""
    return click.option(
        "--by",
        metavar="NAME",
        envvar=VARIABLE,
        callback=_named,
        help=f"Who does this, for the run's log; else your login name. [env: {VARIABLE}]",
    )(command)


def _named(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        check_by(value)
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value or _login()


def _login() -> str | None:
    try:
        name = getpass.getuser()
        check_by(name)
    except (OSError, KeyError, ImportError, UsageError):  # in a container a process may have no user of a name
        return None
    return name
