"""The card as Markdown."""

from datetime import date

from markdown_it import MarkdownIt

from perdure.testing.scorecard.card import Evidence
from perdure.testing.scorecard.report import markdown
from perdure.testing.scorecard.scorecard import Row, Scorecard


def row(id: str, **given: object) -> Row:
    fields = {"section": "Looking", "text": f"Item {id}.", "score": 1, "state": "found", "evidence": (), **given}
    return Row(id=id, **fields)  # type: ignore[arg-type]


CARD = Scorecard(
    subjects=("a:f", "a:g"),
    today=date(2026, 11, 26),
    rows=(
        row("a", score=0, fix="do it", evidence=(Evidence("a | b\nof <i>", "x.py:1"),)),
        row("b", score=0, state="open"),
        row("c", score=0, state="n/a"),
        row("d", score=2, section="Deploying", evidence=tuple(Evidence(str(n)) for n in range(6))),
    ),
    questions=(
        row("q", score=2),
        row("r", score=0, state="stale"),
        row("s", score=0, state="n/a"),
        row("t"),
        row("u", score=0),
    ),
    checklist=(),
)


def test_the_tables() -> None:
    lines = [*markdown(CARD)]
    assert "Of `a:f`, `a:g`; as of 2026-11-26." in lines
    assert "**2 of 6** points of what applies, which is 29 of the whole table's 8: promising" in "\n".join(lines)
    assert "| Item a. | 0 | x.py:1: a \\| b of &lt;i> |" in lines
    assert "| Item b. | 0? |  |" in lines
    assert "| Item c. | – |  |" in lines
    assert "| Item d. | 2 | 0<br>1<br>2<br>3<br>and 2 more |" in lines
    assert "1. Item a (0; `a`): do it." in lines
    said = [line.split(" | ")[1] for line in lines[lines.index("## Closing questions") :] if line.startswith("| Item")]
    assert said == ["yes", "open", "–", "partly", "no"]
    assert [line for line in lines if line.startswith("## ")] == [
        "## Looking",
        "## Deploying",
        "## Closing questions",
        "## Checklist",
    ]


def test_it_is_markdown() -> None:
    page = MarkdownIt("commonmark").enable("table").render("\n".join(markdown(CARD)))
    assert page.count("<table>") == 4
    assert "<i>" not in page
