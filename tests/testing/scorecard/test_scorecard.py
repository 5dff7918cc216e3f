"""Sums, verdicts, answers, and what comes first."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from perdure.testing.scorecard.answers import Answer
from perdure.testing.scorecard.scorecard import BEST, Row, Scorecard, rows_by_section, score
from tests.testing.scorecard.written import FLOW, STEP, subject

TODAY = date(2026, 11, 26)
FLOWS = STEP + "    await client.post('/x')\n" + FLOW


def card(folder: Path, *answers: Answer, flows: str = FLOWS, **more: Any) -> Scorecard:
    return score(replace(subject(folder, flows), **more), {answer.item: answer for answer in answers}, TODAY, 100)


def row(found: Scorecard, id: str) -> Row:
    return next(each for each in (*found.rows, *found.questions, *found.checklist) if each.id == id)


def answer(item: str, points: Any, day: date = TODAY) -> Answer:
    return Answer(item=item, score=points, date=day, by="Ann", words="looked", place="scorecard.toml")


def test_the_sum(folder: Path) -> None:
    found = card(folder)
    assert found.subjects == ("flows:flow",)
    assert found.total == sum(each.score for each in found.rows)
    assert found.out_of == 2 * len([each for each in found.rows if each.state != "n/a"]) < BEST
    assert found.scaled == round(found.total * BEST / found.out_of)
    assert next(rows_by_section(found.rows))[0] == "Boundaries"


def test_an_answer_goes_before_what_was_found(folder: Path) -> None:
    found = row(card(folder, answer("idempotency-key", 2)), "idempotency-key")
    assert (found.score, found.state) == (2, "answered")
    assert str(found.evidence[0]) == "scorecard.toml: Ann on 2026-11-26: looked"
    assert len(found.evidence) == 2


def test_what_doesnt_apply_by_answer_doesnt_count(folder: Path) -> None:
    before, after = card(folder), card(folder, answer("refresh", "n/a"))
    assert row(before, "refresh").state == "open"
    assert (after.out_of, after.total) == (before.out_of - 2, before.total)


def test_an_old_answer_counts_no_more(folder: Path) -> None:
    old = date(2026, 8, 17)  # 101 days
    found = row(card(folder, answer("refresh", 2, old)), "refresh")
    assert (found.score, found.state) == (0, "stale")
    assert str(found.evidence[0]) == "scorecard.toml: stale, answer again: Ann on 2026-08-17: looked"
    found = row(card(folder, answer("idempotency-key", 2, old)), "idempotency-key")
    assert (found.score, found.state) == (0, "found")


def test_questions_are_as_good_as_their_weakest_item(folder: Path) -> None:
    found = card(folder)
    assert (row(found, "replays").score, row(found, "runs-twice").score, row(found, "fails-fast").score) == (2, 0, 0)
    assert (row(found, "transient").score, row(found, "retry-after").score, row(found, "recovers").score) == (2, 0, 0)
    assert str(row(found, "fails-fast").evidence[0]) == "Invalid input/business failures throw `FatalError`. 0 of 2"
    assert (row(found, "survives-refresh").state, row(found, "resumed-securely").state) == ("open", "n/a")
    assert row(card(folder, answer("fails-fast", 1)), "fails-fast").score == 1
    assert row(card(folder, answer("status", 2)), "list-status").score == 2


def test_simulations(folder: Path) -> None:
    survived = card(
        folder, answer("idempotency-key", 2), answer("conflict-is-success", 2), simulated=(("t:f", "it held"),)
    )
    assert row(survived, "runs-twice").score == 2
    assert str(row(survived, "runs-twice").evidence[0]) == "t:f: it held"
    broken = card(folder, answer("idempotency-key", 2), broken=(("t:f", "paid 2 times"),))
    assert (row(broken, "runs-twice").score, row(broken, "replays").score) == (0, 0)


def test_streams_and_tests(folder: Path) -> None:
    found = card(folder)
    assert (row(found, "list-streams").state, row(found, "list-tests").score) == ("n/a", 0)
    (folder / "test_it.py").write_text("import flows\ndef test_it(): ...\n")
    found = card(folder, flows=FLOWS + "@workflow\nasync def more() -> None:\n    await get_writable().write(1)\n")
    assert (row(found, "list-streams").score, row(found, "list-tests").score) == (2, 1)
    (folder / "test_it.py").write_text("import flows\ndef test_a_crash(): ...\n")
    assert row(card(folder), "list-tests").score == 2


def test_what_comes_first(folder: Path) -> None:
    found = card(folder)
    assert found.first[0].risk == 1 and found.first[0].score == 0
    assert [each.risk + each.score for each in found.first] == sorted(each.risk + each.score for each in found.first)
    assert len(found.first) == 5


@pytest.mark.parametrize(
    ("total", "verdict"),
    [
        (0, "demo"), (20, "demo"), (21, "promising"), (40, "promising"),
        (41, "close"), (60, "close"), (61, "ready"), (86, "ready"),
    ],
)  # fmt: skip
def test_the_verdict(total: int, verdict: str) -> None:
    points = [2] * (total // 2) + [1] * (total % 2)
    rows = [
        Row(id=str(n), section="", text="", score=points[n] if n < len(points) else 0, state="found", evidence=())  # type: ignore[arg-type]
        for n in range(43)
    ]
    found = Scorecard(subjects=(), today=TODAY, rows=tuple(rows), questions=(), checklist=())
    assert (found.total, found.scaled) == (total, total)
    assert found.verdict.startswith(verdict)


def test_no_sum_makes_up_for_a_high_risk() -> None:
    rows = [Row(id=f"i{n}", section="", text="", score=2, state="found", evidence=(), risk=1) for n in range(41)]
    rows += [replace(rows[0], id="keys", score=0), replace(rows[0], id="tokens", score=0, state="n/a")]
    found = Scorecard(subjects=(), today=TODAY, rows=tuple(rows), questions=(), checklist=())
    assert found.verdict.startswith("ready") and found.verdict.endswith("; not before keys is mended")
    found = replace(found, rows=(*rows, replace(rows[0], id="world", score=0, state="open")))
    assert found.verdict.endswith("; not before keys, world are mended")


def test_as_json(folder: Path) -> None:
    shown = card(folder).as_json()
    assert shown["total"] == sum(item["score"] for item in shown["items"])
    assert [*shown["items"][0]] == ["id", "section", "item", "score", "state", "evidence", "places"]
    assert shown["items"][0]["item"] == "Workflow functions only orchestrate."
    assert shown["items"][1]["places"] == [{"text": "act does client.post()", "place": "flows.py:11"}]
    assert (len(shown["items"]), len(shown["questions"]), len(shown["checklist"])) == (43, 8, 11)
    assert shown["first"][0].keys() == {"id", "item", "score", "fix"}
