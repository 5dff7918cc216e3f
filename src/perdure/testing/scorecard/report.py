"""A scorecard as Markdown."""

from collections.abc import Iterator

from perdure.testing.scorecard.card import Evidence
from perdure.testing.scorecard.scorecard import Row, Scorecard, rows_by_section

_SHOWN = 4
_SAYS = {0: "no", 1: "partly", 2: "yes"}


def markdown(card: Scorecard) -> Iterator[str]:
    """Line by line: the sum, what to mend first, the tables, the questions."""
    yield "# Production readiness"
    yield ""
    yield f"Of {', '.join(f'`{name}`' for name in card.subjects)}; as of {card.today}."
    yield "Made by `perdure scorecard`: `?` can't be seen from here, and waits for an answer; `–` doesn't apply."
    yield ""
    scaled = "" if card.scaled == card.total else f", which is {card.scaled} of the whole table's {2 * len(card.rows)}"
    yield f"**{card.total} of {card.out_of}** points of what applies{scaled}: {card.verdict}."
    if card.first:
        yield ""
        yield "What to mend first:"
        yield ""
        for number, row in enumerate(card.first, 1):
            yield f"{number}. {row.text.rstrip('.')} ({_points(row)}; `{row.id}`): {row.fix}."
    for title, rows in rows_by_section(card.rows):
        yield ""
        yield f"## {title}"
        yield ""
        yield "| Item | Score | Evidence |"
        yield "| --- | --- | --- |"
        for row in rows:
            yield f"| {row.text} | {_points(row)} | {_told(row.evidence)} |"
    for title, rows in (("Closing questions", card.questions), ("Checklist", card.checklist)):
        yield ""
        yield f"## {title}"
        yield ""
        yield "| | | Evidence |"
        yield "| --- | --- | --- |"
        for row in rows:
            yield f"| {row.text} | {_said(row)} | {_told(row.evidence)} |"


def _points(row: Row) -> str:
    if row.state == "n/a":
        return "–"
    return f"{row.score}?" if row.state in ("open", "stale") else str(row.score)


def _said(row: Row) -> str:
    if row.state == "n/a":
        return "–"
    return "open" if row.state in ("open", "stale") else _SAYS[row.score]


def _told(evidence: tuple[Evidence, ...]) -> str:
    told = [_cell(str(each)) for each in evidence[:_SHOWN]]
    more = [f"and {len(evidence) - _SHOWN} more"] if len(evidence) > _SHOWN else []
    return "<br>".join([*told, *more])


def _cell(text: str) -> str:
    """A table's cell is one line, whose bars are escaped and whose tags are text."""
    text = " ".join(text.split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
