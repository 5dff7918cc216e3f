"""What the query of a request asks for."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from starlette.requests import Request

from perdure.http.inspector.query import NUMBER_MAX, asked_of, choices_of, flag_of, number_of, wanted_of
from perdure.http.problem import Problem
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked
from tests.http.asgi import scope_of

AT = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)


def query(text: str) -> Request:
    return Request(scope_of(f"/x?{text}"))


def test_what_is_asked_of_a_list() -> None:
    assert asked_of(query("")) == Asked(50, None, False)
    assert asked_of(query(""), 7) == Asked(7, None, False)
    assert asked_of(query("limit=3&cursor=a%26b&withData=true&unknown=1")) == Asked(3, "a&b", True)


def test_which_runs_are_wanted() -> None:
    assert wanted_of(query("")) == Wanted()
    text = "workflow=a:b&since=2026-01-31T08:30:00Z&until=2026-01-31T09:30:00%2B01:00&attr=a=b=c&attr=d=&q=x"
    assert wanted_of(query(text)) == Wanted("a:b", AT, AT, (("a", "b=c"), ("d", "")), "x")
    assert wanted_of(query("since=2026-01-31T08:30")).since == AT


def test_choices() -> None:
    assert choices_of(query("s=b&s=a&s=b"), "s", ("a", "b")) == ("b", "a")
    assert choices_of(query(""), "s", ("a", "b")) == ()


@pytest.mark.parametrize(("text", "expected"), [("n=3", 3), ("n=-3", -3), ("", 9), (f"n={NUMBER_MAX}", NUMBER_MAX)])
def test_numbers(text: str, expected: int) -> None:
    assert number_of(query(text), "n", 9, -5, NUMBER_MAX) == expected


@pytest.mark.parametrize(
    ("text", "path", "detail"),
    [
        ("limit=0", "limit", "limit='0' is none: give a whole number from 1 to 1000"),
        ("limit=1001", "limit", "limit='1001' is none: give a whole number from 1 to 1000"),
        ("limit=", "limit", "limit='' is none: give a whole number from 1 to 1000"),
        ("limit=--1", "limit", "limit='--1' is none: give a whole number from 1 to 1000"),
        ("limit=²", "limit", "limit='²' is none: give a whole number from 1 to 1000"),
        ("limit=1e2", "limit", "limit='1e2' is none: give a whole number from 1 to 1000"),
        ("withData=1", "withData", "withData='1' is none: give true or false"),
        ("since=2h", "since", "since='2h' is none: give a time in ISO 8601, such as 2026-01-31T08:30:00Z"),
        ("until=9999-12-31T23:59-12:00", "until", None),
        ("attr=a", "attr", "attr='a' is none: give key=value"),
        ("attr==a", "attr", "attr='=a' is none: give key=value"),
        ("status=<script>", "status", "status='<script>' is none: there are pending, running"),
    ],
)
def test_values_that_are_none(text: str, path: str, detail: str | None) -> None:
    request = query(quote(text, safe="=&"))
    with pytest.raises(Problem) as caught:
        asked_of(request)
        wanted_of(request)
        choices_of(request, "status", ("pending", "running"))
    assert (caught.value.status, caught.value.kind, caught.value.path) == (400, "query-invalid", path)
    assert detail in (None, caught.value.detail)


def test_a_long_value_is_not_repeated() -> None:
    with pytest.raises(Problem) as caught:
        flag_of(query("withData=" + "x" * 10_000), "withData")
    assert len(caught.value.detail) < 200


def test_a_long_number_is_no_work() -> None:
    with pytest.raises(Problem):
        number_of(query("n=" + "9" * 100_000), "n", 0, 0, NUMBER_MAX)
