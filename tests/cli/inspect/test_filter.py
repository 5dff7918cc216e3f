"""Which runs a list is about."""

from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from perdure.cli.inspect.filter import Wanted, filter_options
from perdure.world.query import RunFilter

AT = datetime(2026, 1, 31, 8, 30, 0, 500, tzinfo=UTC)


@click.command()
@filter_options
def wanting(wanted: Wanted) -> None:
    click.echo(repr(wanted))


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], Wanted(None, None, None, ())),
        (["--workflow", "a:b"], Wanted("a:b", None, None, ())),
        (["--attr", "a=b", "--attr", "c=d"], Wanted(None, None, None, (("a", "b"), ("c", "d")))),
    ],
)
def test_options(words: list[str], wanted: Wanted) -> None:
    assert CliRunner().invoke(wanting, words).stdout == f"{wanted}\n"
    assert wanted.everything == (not words)


def test_times_are_options_too() -> None:
    told = CliRunner().invoke(wanting, ["--since", "2026-01-31T08:30Z", "--until", "1h"]).stdout
    assert "datetime.datetime(2026, 1, 31" in told
    assert not Wanted(None, AT, None, ()).everything
    assert not Wanted(None, None, AT, ()).everything


def test_the_filter() -> None:
    wanted = Wanted("a:b", AT, AT, (("a", "b"), ("c", "d")))
    at_ms = round(AT.timestamp() * 1000)
    assert wanted.filter(("failed",), 3) == RunFilter(
        status=("failed",), workflow="a:b", since_ms=at_ms, until_ms=at_ms, attributes={"a": "b", "c": "d"}, limit=3
    )
