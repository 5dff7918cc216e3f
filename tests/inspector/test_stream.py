"""Streams of a run."""

import pytest

from perdure.errors import RunNotFound, UsageError
from perdure.inspector.page import Asked
from perdure.inspector.stream import list_streams
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, NOWHERE, look, paged


def test_those_that_somebody_wrote(desk: Shop) -> None:
    streams = look(list_streams, desk.runs["asking"], ALL).items
    assert [(stream.namespace, stream.tail_index, stream.closed) for stream in streams] == [
        (None, 1, False),
        ("progress", 2, False),
    ]
    assert paged(list_streams, desk.runs["asking"]) == [stream.as_json() for stream in streams]


def test_what_isnt_there(desk: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_streams, NOWHERE, ALL)
    with pytest.raises(UsageError, match=r"^'x' is no cursor of a list of streams: "):
        look(list_streams, desk.runs["asking"], Asked(1, "x"))
