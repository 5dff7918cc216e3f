"""`perdure inspect streams`."""

import msgspec
import pytest

from perdure.api.records import StreamInfo
from perdure.cli.inspect.streams import row_of
from perdure.cli.table import Cell
from tests.cli.shop import Shop, say


def test_by_name(desk: Shop) -> None:
    done = say("inspect", "streams", desk.runs["asking"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "\t2\topen\nprogress\t3\topen\n", "")
    assert say("inspect", "streams", desk.runs["reporting"]).stdout == "\t7\tclosed\nlog\t0\tclosed\n"


def test_json(desk: Shop) -> None:
    shown = msgspec.json.decode(say("inspect", "streams", desk.runs["asking"], "--json").stdout)
    assert shown == {
        "items": [
            {"namespace": None, "tailIndex": 1, "closed": False},
            {"namespace": "progress", "tailIndex": 2, "closed": False},
        ],
        "cursor": None,
    }


def test_pages(desk: Shop) -> None:
    done = say("inspect", "streams", desk.runs["asking"], "--limit", "1")
    assert (done.stdout, done.stderr) == ("\t2\topen\n", "there are more: --cursor 1\n")
    done = say("inspect", "streams", desk.runs["asking"], "--limit", "1", "--cursor", "1")
    assert (done.stdout, done.stderr) == ("progress\t3\topen\n", "")


def test_none(desk: Shop) -> None:
    done = say("inspect", "streams", desk.runs["receiving"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing found\n")


@pytest.mark.parametrize(("words", "code"), [((), 2), (("wrun_" + "0" * 26,), 3), (("RUN", "--cursor", "x"), 2)])
def test_what_is_asked_wrongly(desk: Shop, words: tuple[str, ...], code: int) -> None:
    words = tuple(desk.runs["asking"] if word == "RUN" else word for word in words)
    assert say("inspect", "streams", *words).exit_code == code


def test_rows() -> None:
    assert row_of(StreamInfo(namespace=None, tail_index=-1, closed=True)) == (
        Cell("(default)", "", style="dim"),
        Cell("0"),
        Cell("closed", style="dim"),
    )
    assert row_of(StreamInfo(namespace="log", tail_index=1, closed=False))[0] == Cell("log")
