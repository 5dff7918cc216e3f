"""The scorecard: each item's score, the sum and what it means, what to mend first, and the closing questions."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from msgspec import Struct

from perdure.testing.scorecard.answers import Answer
from perdure.testing.scorecard.card import Evidence, Found, Item, Score, found, nothing, share
from perdure.testing.scorecard.look import has_streams
from perdure.testing.scorecard.subject import Subject
from perdure.testing.scorecard.table import CHECKLIST, ITEMS, QUESTIONS, SECTIONS, Question

State = Literal["found", "answered", "stale", "open", "n/a"]
"""`stale`: there is an answer that is too old to count. `open`: nobody has answered what can't be seen."""
BEST = 2 * len(ITEMS)
_BANDS = (
    (20, "demo-grade: don't ship it"),
    (40, "promising, but it doesn't handle its failures"),
    (60, "close to production: mend what is at risk first"),
    (BEST, "ready for production, if its security and its business logic were reviewed too"),
)
_FIRST = 5


class Row(Struct, frozen=True, kw_only=True):
    """One item, scored. `score` is 0 where the item is open or doesn't apply; only the latter doesn't lower the verdict."""

    id: str
    section: str
    text: str
    score: Score
    state: State
    evidence: tuple[Evidence, ...]
    fix: str = ""
    risk: int = 3

    def as_json(self) -> dict[str, Any]:
        evidence = [{"text": each.text, "place": each.place or None} for each in self.evidence]
        told = "; ".join(str(each) for each in self.evidence)
        return {
            "id": self.id, "section": self.section, "item": self.text, "score": self.score, "state": self.state,
            "evidence": told, "places": evidence,
        }  # fmt: skip


class Scorecard(Struct, frozen=True, kw_only=True):
    """`subjects` are the workflows' names. `questions` and `checklist` aren't part of the total."""

    subjects: tuple[str, ...]
    today: date
    rows: tuple[Row, ...]
    questions: tuple[Row, ...]
    checklist: tuple[Row, ...]

    @property
    def total(self) -> int:
        return sum(row.score for row in self.rows)

    @property
    def out_of(self) -> int:
        return 2 * sum(row.state != "n/a" for row in self.rows)

    @property
    def scaled(self) -> int:
        """The total as if all items applied: the bands of the verdict are made for that."""
        return round(self.total * BEST / self.out_of) if self.out_of else 0

    @property
    def verdict(self) -> str:
        """What the points mean; no sum makes up for what is missing where the risk is highest."""
        words = next(words for most, words in _BANDS if self.scaled <= most)
        missing = [row.id for row in self.rows if row.risk == 1 and row.score == 0 and row.state != "n/a"]
        return (
            f"{words}; not before {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} mended"
            if missing
            else words
        )

    @property
    def first(self) -> list[Row]:
        """What to mend first: the most at risk, the missing before the half done."""
        lacking = [row for row in self.rows if row.state != "n/a" and row.score < 2]
        return sorted(lacking, key=lambda row: (row.risk + row.score, row.risk))[:_FIRST]

    def as_json(self) -> dict[str, Any]:
        return {
            "workflows": list(self.subjects),
            "date": self.today.isoformat(),
            "items": [row.as_json() for row in self.rows],
            "total": self.total,
            "outOf": self.out_of,
            "scaled": self.scaled,
            "verdict": self.verdict,
            "first": [{"id": row.id, "item": row.text, "score": row.score, "fix": row.fix} for row in self.first],
            "questions": [row.as_json() for row in self.questions],
            "checklist": [row.as_json() for row in self.checklist],
        }


def score(subject: Subject, answers: Mapping[str, Answer], today: date, days_max: int) -> Scorecard:
    """Looks at everything; `days_max` is how old an answer may be."""
    rows: dict[str, Row] = {}
    for section in SECTIONS:
        for item in section.items:
            rows[item.id] = _row(item.id, section.title, item, item.check(subject), answers, (today, days_max))

    def asked(question: Question, title: str) -> Row:
        return _row(question.id, title, question, _derived(question, rows, subject), answers, (today, days_max))

    return Scorecard(
        subjects=tuple(subject.code.names),
        today=today,
        rows=tuple(rows.values()),
        questions=tuple(asked(question, "Closing questions") for question in QUESTIONS),
        checklist=tuple(asked(question, "Checklist") for question in CHECKLIST),
    )


def _row(
    id: str, section: str, asked: Item | Question, seen: Found, answers: Mapping[str, Answer], age: tuple[date, int]
) -> Row:
    answer, fix, risk = answers.get(id), getattr(asked, "fix", ""), getattr(asked, "risk", 3)
    evidence = seen.evidence
    state: State = "n/a" if not seen.applies else "open" if seen.score is None else "found"
    points: Score = seen.score or 0
    if answer is not None:
        told = f"{answer.by} on {answer.date}: {answer.words}"
        if answer.is_stale(*age):
            evidence = (Evidence(f"stale, answer again: {told}", answer.place), *evidence)
            state = "stale" if state == "open" else state
        else:
            evidence = (Evidence(told, answer.place), *evidence)
            state, points = ("n/a", 0) if answer.score == "n/a" else ("answered", answer.score)
    return Row(
        id=id, section=section, text=asked.text, score=points, state=state, evidence=evidence, fix=fix, risk=risk
    )


def _derived(question: Question, rows: Mapping[str, Row], subject: Subject) -> Found:
    """The weakest of the items; what a simulation said of it comes first."""
    if question.id == "list-streams":
        return _streams(subject)
    if question.id == "list-tests":
        return _tests(subject)
    asked = [rows[id] for id in question.items if rows[id].state != "n/a"]
    broken = subject.broken if question.id in ("replays", "runs-twice") else ()
    survived = subject.simulated if question.id in ("replays", "runs-twice") else ()
    evidence = [Evidence(text, name) for name, text in (*broken, *survived)]
    if broken:
        return found(0, *evidence)
    if not asked:
        return Found(2, tuple(evidence)) if evidence else nothing(", ".join(question.items))
    weakest: Score = (max if question.either else min)([row.score for row in asked])
    told = [
        Evidence(f"{row.text} {row.score} of 2" + (" (open)" if row.state in ("open", "stale") else ""))
        for row in asked
        if row.score == weakest
    ]
    if any(row.state in ("open", "stale") for row in asked if row.score == weakest):
        return Found(None, (*evidence, *told))
    return Found(weakest, (*evidence, *told))


def _streams(subject: Subject) -> Found:
    if not has_streams(subject):
        return nothing("nothing is streamed")
    return found(2, Evidence("a writer holds no lock here, and a stream closes with its run"))


def _tests(subject: Subject) -> Found:
    tests = subject.repository.tests
    if not tests:
        return found(0, Evidence("no test file that imports these workflows, or what belongs to them"))
    crashes = subject.repository.tests_of("crash")
    missing = [] if crashes else [Evidence("no test of these workflows speaks of a crash")]
    return share(
        [
            Evidence(f"{tests[0].name}, and {len(tests) - 1} more", tests[0].place),
            *(Evidence(each.name, each.place) for each in crashes[:1]),
        ],
        missing,
    )


def rows_by_section(rows: tuple[Row, ...]) -> Iterator[tuple[str, list[Row]]]:
    """In the table's order."""
    for title in dict.fromkeys(row.section for row in rows):
        yield title, [row for row in rows if row.section == title]
