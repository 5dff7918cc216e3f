"""Lists: which options they take, and the three forms in which they are written."""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import click
import msgspec

from perdure.cli.escape import visible_json
from perdure.cli.table import Column, Row, write_table
from perdure.inspector.page import Asked

Command = TypeVar("Command", bound=Callable[..., Any])


class Listed(NamedTuple):
    """One item of a list: as JSON has it, and as a table's row."""

    json: dict[str, Any]
    row: Row


class ListOptions(NamedTuple):
    """What the options of a list give. `form` is json, jsonl or None."""

    form: str | None
    asked: Asked


def list_options(limit: int | None, *, data: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds `--json`, `--jsonl`, `--limit`, `--cursor`, and (`data`) `--with-data`: the command gets them as `options`.

    `limit`: where nobody says another; None: all that there is.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def bundled(
            *, form: str | None, limit: int | None, cursor: str | None, with_data: bool = False, **others: Any
        ) -> Any:
            asked = Asked(sys.maxsize if limit is None else limit, cursor, with_data)
            return command(options=ListOptions(form, asked), **others)

        for option in (
            *([data_option] if data else []),
            click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended."),
            click.option(
                "--limit",
                type=click.IntRange(min=1),
                metavar="N",
                default=limit,
                show_default=True,
                help="How many at most.",
            ),
            form_option("--jsonl", "One JSON object a line for each item."),
            form_option("--json", "One JSON object, with items and cursor."),
        ):
            bundled = option(bundled)
        return bundled

    return add


def form_option(name: str, text: str) -> Callable[[Command], Command]:
    """`--json` or `--jsonl`: a command gets `form`, None for a table."""
    return click.option(name, "form", flag_value=name.removeprefix("--"), type=str, default=None, help=text)


def data_option(command: Command) -> Command:
    """Adds `--with-data`."""
    return click.option("--with-data", is_flag=True, help="Show inputs, results, metadata and event data too.")(command)


def write_list(form: str | None, columns: Sequence[Column], items: Sequence[Listed], cursor: str | None) -> None:
    """The items to standard output; where no JSON holds the cursor, it is told on standard error."""
    if form == "json":
        write_json({"items": [item.json for item in items], "cursor": cursor})
        return
    if form == "jsonl":
        for item in items:
            write_json_line(item.json)
    else:
        write_table(columns, [item.row for item in items])
        if not items:
            click.echo("nothing found", err=True)
    tell_more(cursor)


def tell_more(cursor: str | None) -> None:
    """On standard error, how the list goes on, if it does."""
    if cursor is not None:
        click.echo(f"there are more: --cursor {cursor}", err=True)


def write_json(value: object) -> None:
    """One JSON value over several lines."""
    _echo_json(msgspec.json.format(msgspec.json.encode(value), indent=2))


def write_json_line(value: object) -> None:
    """One JSON value on a line."""
    _echo_json(msgspec.json.encode(value))


def _echo_json(data: bytes) -> None:
    click.echo(visible_json(data.decode()) if sys.stdout.isatty() else data)
