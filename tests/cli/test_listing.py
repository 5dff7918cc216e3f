"""Lists in their three forms, and their options."""

import sys

import click
import pytest
from click.testing import CliRunner

from perdure.cli.listing import Listed, ListOptions, list_options, write_json, write_list
from perdure.cli.table import Cell, Column
from perdure.inspector.page import Asked

COLUMNS = (Column("N"),)
ITEMS = [Listed({"n": 1}, (Cell("1"),)), Listed({"n": "ä"}, (Cell("ä"),))]


@click.command()
@list_options(limit=7)
def listing(options: ListOptions) -> None:
    click.echo(repr(options))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], ListOptions(None, Asked(7, None, False))),
        (["--json"], ListOptions("json", Asked(7, None, False))),
        (["--jsonl", "--limit", "3"], ListOptions("jsonl", Asked(3, None, False))),
        (["--cursor", "x", "--with-data"], ListOptions(None, Asked(7, "x", True))),
    ],
)
def test_options(words: list[str], options: ListOptions) -> None:
    assert CliRunner().invoke(listing, words).stdout == f"{options}\n"


def test_a_list_without_data_has_no_option_for_it() -> None:
    @click.command()
    @list_options(limit=7, data=False)
    def plain(options: ListOptions) -> None:
        click.echo(repr(options))

    assert CliRunner().invoke(plain, ["--json"]).stdout == f"{ListOptions('json', Asked(7, None, False))}\n"
    assert CliRunner().invoke(plain, ["--with-data"]).exit_code == 2


def test_a_list_may_have_no_end() -> None:
    @click.command()
    @list_options(limit=None)
    def endless(options: ListOptions) -> None:
        click.echo(repr(options))

    assert CliRunner().invoke(endless).stdout == f"{ListOptions(None, Asked(sys.maxsize, None, False))}\n"
    assert "default" not in CliRunner().invoke(endless, ["--help"]).stdout


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_is_positive(limit: str) -> None:
    assert CliRunner().invoke(listing, ["--limit", limit]).exit_code == 2


@pytest.mark.parametrize(
    ("form", "out", "err"),
    [
        (
            "json",
            '{\n  "items": [\n    {\n      "n": 1\n    },\n    {\n      "n": "ä"\n    }\n  ],\n  "cursor": "c"\n}\n',
            "",
        ),
        ("jsonl", '{"n":1}\n{"n":"ä"}\n', "there are more: --cursor c\n"),
        (None, "1\nä\n", "there are more: --cursor c\n"),
    ],
)
def test_forms(form: str | None, out: str, err: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_list(form, COLUMNS, ITEMS, "c")
    written = capsys.readouterr()
    assert (written.out, written.err) == (out, err)


@pytest.mark.parametrize(
    ("form", "out", "err"),
    [("json", '{\n  "items": [],\n  "cursor": null\n}\n', ""), ("jsonl", "", ""), (None, "", "nothing found\n")],
)
def test_nothing(form: str | None, out: str, err: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_list(form, COLUMNS, [], None)
    written = capsys.readouterr()
    assert (written.out, written.err) == (out, err)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": [None, 1.5]})
    assert capsys.readouterr().out == '{\n  "a": [\n    null,\n    1.5\n  ]\n}\n'


def test_json_on_a_terminal_obeys_nobody(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    write_json(["\x9b31m\u202e"])
    write_list("jsonl", COLUMNS, [Listed({"n": "\x9b"}, ())], None)
    assert capsys.readouterr().out == '[\n  "\\u009b31m\\u202e"\n]\n{"n":"\\u009b"}\n'
