"""Which runs a list is about."""

import click
import pytest
from click.testing import CliRunner

from perdure.cli.inspect.filter import filter_options
from perdure.inspector.filter import Wanted


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


def test_times_are_options_too() -> None:
    told = CliRunner().invoke(wanting, ["--since", "2026-01-31T08:30Z", "--until", "1h"]).stdout
    assert "datetime.datetime(2026, 1, 31" in told
