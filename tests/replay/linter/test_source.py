"""A source text: sentences, positions, and the comments that silence."""

import pytest

from perdure.replay.linter.finding import Finding
from perdure.replay.linter.source import Source

HEAD = "import time\nimport uuid\nfrom perdure import workflow\n\n\n"


def check(text: str) -> list[Finding]:
    return Source("app.py", HEAD + text).check()


def test_a_finding_says_where_why_and_what_instead() -> None:
    assert check("@workflow\nasync def fulfil(order):\n    return time.time()\n") == [
        Finding(
            file="app.py",
            line=8,
            column=12,
            function="fulfil",
            rule="clock",
            message="time.time() reads the clock, which shows another time in a replay",
            instead="now()",
        )
    ]


def test_a_finding_in_a_helper_says_whose_body_it_is() -> None:
    (found,) = check(
        "class Shop:\n"
        "    def stamp(self):\n"
        "        return time.time()\n"
        "    @workflow\n"
        "    async def fulfil(self):\n"
        "        return self.stamp()\n"
    )
    assert str(found) == (
        "app.py:8:16 clock time.time() reads the clock, which shows another time in a replay "
        "(Shop.stamp runs in Shop.fulfil); use now()"
    )
    assert found.function == "Shop.stamp"


def test_a_helper_of_two_workflows_is_found_once() -> None:
    text = "def stamp(): return time.time()\n@workflow\nasync def f(): stamp()\n@workflow\nasync def g(): stamp()\n"
    (found,) = check(text)
    assert (found.line, found.function) == (6, "stamp")
    assert found.message.endswith(" (stamp runs in f)")


def test_findings_come_in_the_order_of_the_lines() -> None:
    text = "def stamp(*args): time.time()\n@workflow\nasync def f():\n    stamp(uuid.uuid4(), time.time())\n"
    assert [(found.line, found.column) for found in check(text)] == [(6, 19), (9, 11), (9, 25)]


def test_columns_count_characters() -> None:
    assert [found.column for found in check("@workflow\nasync def f():\n    'é→😀'; time.time()\n")] == [12]


def test_lines_are_python_s() -> None:
    text = "@workflow\nasync def f():\n    '\x0c\x1c\u2028'; time.time()  # perdure: ignore\n    time.time()\n"
    assert [found.line for found in check(text)] == [9]


@pytest.mark.parametrize(
    "comment",
    [
        "# perdure: ignore",
        "#perdure:ignore",
        "# perdure: ignore[clock]",
        "# perdure: ignore[random, clock]",
        "# perdure: ignore[clock] - the time is only logged",
        "# noqa: X  # perdure: ignore",
    ],
)
def test_a_comment_silences(comment: str) -> None:
    assert check(f"@workflow\nasync def f():\n    time.time()  {comment}\n") == []


@pytest.mark.parametrize(
    "comment", ["# perdure: ignore[random]", "# perdure: ignore[]", "# perdure: ignore[clocks]", "# ignore"]
)
def test_another_comment_doesn_t(comment: str) -> None:
    assert len(check(f"@workflow\nasync def f():\n    time.time()  {comment}\n")) == 1


def test_a_comment_silences_its_line_only() -> None:
    text = "@workflow\nasync def f():\n    time.time()  # perdure: ignore\n    time.time()\n"
    assert [found.line for found in check(text)] == [9]


def test_a_comment_may_stand_on_the_last_line_of_what_it_silences() -> None:
    assert check("@workflow\nasync def f():\n    uuid.uuid1(\n        1,\n    )  # perdure: ignore\n") == []


def test_one_function_is_checked_by_name_and_line() -> None:
    source = Source("app.py", "import time\ndef f(): time.time()\ndef g(): time.time()\n")
    assert [found.line for found in source.check_function("g", 3)] == [3]
    assert source.check_function("g", 2) == []


def test_a_name_that_is_assigned_as_a_global_is_in_doubt() -> None:
    text = "@workflow\nasync def f():\n    time.time()\ndef fake(clock):\n    global time\n    time = clock\n"
    assert check(text) == []


def test_the_source_s_own_warnings_are_left_to_who_runs_it() -> None:
    assert check("@workflow\nasync def f():\n    return '\\d'\n") == []
