"""What is in a stream."""

import apsw
import pytest

from perdure.codec.keyring import SEALED
from perdure.errors import RunNotFound, UsageError
from perdure.inspector.chunk import ChunkPage, list_chunks
from perdure.inspector.redaction import REDACTED
from tests.cli.desk import HOSTILE
from tests.cli.shop import Shop
from tests.inspector.looking import NOWHERE, look


def chunks(shop: Shop, name: str, start_index: int = 0, limit: int = 100, namespace: str | None = None) -> ChunkPage:
    return look(list_chunks, shop.runs[name], namespace, start_index, limit)


def test_values_are_plain_json(desk: Shop) -> None:
    page = chunks(desk, "reporting")
    values = [chunk.value for chunk in page.items]
    assert values[:4] == ["first\nsecond", HOSTILE, {"at": "2026-01-01T00:00:00Z"}, 2**70]
    assert values[4] == "half \ud800"
    assert values[6] is None
    assert (page.cursor, page.tail_index, page.closed) == (None, 6, True)


def test_who_wrote_it(desk: Shop) -> None:
    by_body, by_step = chunks(desk, "asking").items[0], chunks(desk, "asking", namespace="progress").items[0]
    assert (by_body.step_id, by_body.attempt) == (None, 0)
    assert by_step.as_json()["stepId"].startswith("step_")
    assert by_step.attempt == 1


@pytest.mark.parametrize(
    ("start", "limit", "expected", "cursor"),
    [
        (0, 3, [0, 1, 2], "3"),
        (3, 4, [3, 4, 5, 6], None),
        (-2, 9, [5, 6], None),
        (-2, 1, [5], "6"),
        (-99, 2, [0, 1], "2"),
        (7, 9, [], None),
        (99, 9, [], None),
    ],
)
def test_pages(desk: Shop, start: int, limit: int, expected: list[int], cursor: str | None) -> None:
    page = chunks(desk, "reporting", start, limit)
    assert ([chunk.index for chunk in page.items], page.cursor) == (expected, cursor)


def test_a_stream_that_nobody_wrote(desk: Shop) -> None:
    page = chunks(desk, "asking", namespace="nothing")
    assert (page.items, page.cursor, page.tail_index, page.closed) == ((), None, -1, False)


@pytest.mark.parametrize(
    ("data", "kind"), [(b"\xff?", "unreadable"), (SEALED + b"\x01k" + b"x" * 40, "locked"), (b"{", "unreadable")]
)
def test_what_cant_be_read_hides_no_other(desk: Shop, data: bytes, kind: str) -> None:
    connection = apsw.Connection(str(desk.file))
    connection.execute("UPDATE chunks SET data = ? WHERE idx = 1", (data,))
    connection.close()
    page = chunks(desk, "reporting")
    assert len(page.items) == 7
    assert page.items[1].value.keys() == {kind}
    assert page.items[0].value == "first\nsecond"


def test_secrets_are_redacted(desk: Shop) -> None:
    connection = apsw.Connection(str(desk.file))
    connection.execute("UPDATE chunks SET data = ? WHERE idx = 0", (b'{"password":"x"}',))
    connection.close()
    assert chunks(desk, "reporting").items[0].value == {"password": REDACTED}


def test_what_isnt_there(desk: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_chunks, NOWHERE, None, 0, 1)
    with pytest.raises(RunNotFound):
        look(list_chunks, NOWHERE, None, -1, 1)
    with pytest.raises(UsageError):
        look(list_chunks, desk.runs["asking"], "~webhook", 0, 1)
