"""Verdicts by group: what is said, and what is proposed."""

from typing import Any

import pytest

from perdure.core.divergence import Divergence
from perdure.model.ids import RunId
from perdure.testing.gate.report import Report, report_of
from perdure.testing.gate.verdict import Verdict

DUE_MS = 1_767_225_600_000


def verdict(kind: Any = "fits", number: int = 1, **given: Any) -> Verdict:
    return Verdict(kind=kind, subject=f"wrun_{number}", run_id=RunId(f"wrun_{number}"), workflow="app:fulfil", **given)


def diverges(number: int = 1, recorded: str = "step app:charge(1)", change: Any = "added", **given: Any) -> Verdict:
    found = Divergence(recorded=recorded, attempted=f"step app:audit({number})", turn=2, line="app.py:7")
    given = {"event": 5, "change": change, "drained_ms": DUE_MS, "deployment": "code:1a"} | given
    return verdict("diverges", number, divergence=found, **given)


def lines(report: Report) -> list[str]:
    return [line.strip() for line in report.lines()]


def test_all_fit() -> None:
    report = report_of([verdict(), verdict(number=2)])
    assert report.passes and report.summary() == "2 fits, 0 diverges, 0 unknown"
    assert lines(report) == ["fits          2  app:fulfil"]


def test_alike_are_one_group_and_the_broken_come_first() -> None:
    report = report_of(
        [verdict(), diverges(2), diverges(3), verdict("unknown", 4, reason="today's code has no such workflow")]
    )
    assert not report.passes and report.summary() == "1 fits, 2 diverges, 1 unknown"
    assert lines(report) == [
        "diverges      2  app:fulfil at event 5: recorded is step app:charge(1), attempted at app.py:7 is step app:audit(2)",
        "wrun_2, wrun_3",
        "it looks as if a call is new, or another branch is taken",
        '- patched(): `if patched("…"): the new path, else: the old one` at app.py:7',
        "- pin: keep workers of the old code, with --deployment NAME, and `perdure repin RUN --deployment NAME` for each",
        "- drain: deploy after 2026-01-01 00:00 UTC, when the last sleep of theirs that is known is due",
        "unknown       1  app:fulfil: today's code has no such workflow",
        "wrun_4",
        '- keep its code, or its name (@workflow(name="app:fulfil")): its runs wait for a worker that has it',
        "- name the module that defines it, if this command wasn't told of all",
        "fits          1  app:fulfil",
    ]


@pytest.mark.parametrize(
    ("recorded", "change"),
    [("input {}", "parameters"), ("attributes {}", "removed"), ("hook ask:{}", "arguments"), ("step a:b({})", "added")],
)
def test_a_group_is_one_change_whatever_the_values(recorded: str, change: str) -> None:
    values = ("{'x': 'a-1'}", "{'x': 'b-2'}")
    alike = [
        diverges(number, recorded=recorded.replace("{}", value), change=change) for number, value in enumerate(values)
    ]
    [group] = report_of(alike).groups
    assert len(group.verdicts) == 2 and values[0] in group.sentence()


def test_other_requests_or_lines_are_other_groups() -> None:
    assert len(report_of([diverges(1), diverges(2, recorded="step app:ship(1)")]).groups) == 2


@pytest.mark.parametrize(
    ("given", "proposal"),
    [
        ({"change": "renamed"}, 'if it is the same step, keep its name: @step(name="app:charge")'),
        (
            {"deployment": "monday"},
            "pin: keep workers of the old code, with --deployment monday, and `perdure repin RUN",
        ),
        ({"change": "parameters"}, "keep the parameters that they were started with: new ones get a default"),
        ({"change": "limit"}, "give the new workflow another name, and keep the old one for them"),
        ({"drained_ms": None}, "drain: no clock ends 1 of 1, which wait for people or other runs"),
    ],
)
def test_what_is_proposed(given: dict[str, Any], proposal: str) -> None:
    [group] = report_of([diverges(**given)]).groups
    assert any(line.startswith(proposal) for line in group.proposals())


def test_what_nobody_can_read_is_for_others() -> None:
    [group] = report_of([verdict("unknown", reason="a newer perdure wrote it")]).groups
    assert group.proposals() == ["look at it with a perdure, and keys, that can read it"]
    assert group.looks_like() == ""


def test_what_was_not_looked_at_does_not_pass() -> None:
    report = report_of([verdict()], left_out=7)
    assert not report.passes and report.summary() == "1 fits, 0 diverges, 0 unknown; 7 more were not looked at"


def test_as_json() -> None:
    shown = report_of([diverges(), verdict(number=2)], left_out=1).as_json()
    assert (shown["diverges"], shown["fits"], shown["unknown"], shown["leftOut"]) == (1, 1, 0, 1)
    [broken, fitting] = shown["items"]
    assert (broken["verdict"], broken["count"], broken["runs"][0]["event"]) == ("diverges", 1, 5)
    assert (fitting["proposals"], fitting["looksLike"], fitting["runs"][0]["line"]) == ([], None, None)


def test_as_markdown_without_markup_from_values() -> None:
    many = [diverges(number, recorded="step app:charge(`|`)") for number in range(7)]
    text = "\n".join(report_of([*many, verdict("unknown", reason="*no*\nidea"), verdict()]).markdown())
    assert text.startswith("# Deploy gate: failed\n\n1 fits, 7 diverges, 1 unknown.\n\n## diverges: app:fulfil (7)")
    assert "| recorded | `` step app:charge(`\\|`) `` |" in text
    assert "`*no* idea`" in text and " and 2 more" in text
    assert "\n".join(report_of([verdict()]).markdown()).startswith("# Deploy gate: passed")
