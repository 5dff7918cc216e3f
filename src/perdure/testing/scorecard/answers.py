"""What people answered: a small file beside the code, dated and checked in. The newest answer to an item counts.

An answer goes before what was found, which is told all the same. One that is old counts no more until it is given again.
"""

import datetime
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from msgspec import Struct

from perdure.errors import UsageError

FILE = "scorecard.toml"
_FIELDS = {"item", "score", "date", "by", "words"}


class Answer(Struct, frozen=True, kw_only=True):
    """`score` "n/a": it doesn't apply. `place` is the file."""

    item: str
    score: Literal[0, 1, 2, "n/a"]
    date: datetime.date
    by: str
    words: str
    place: str

    def is_stale(self, today: datetime.date, days_max: int) -> bool:
        return (today - self.date).days > days_max


def read_answers(files: Sequence[str], known: Collection[str], today: datetime.date) -> dict[str, Answer]:
    """The answers in the folders of these files, by item. Raises: UsageError for what isn't one."""
    answers: dict[str, Answer] = {}
    for folder in dict.fromkeys(Path(file).parent for file in files):
        for answer in _read(folder / FILE, known, today):
            if answer.item not in answers or answers[answer.item].date <= answer.date:
                answers[answer.item] = answer
    return answers


def _read(path: Path, known: Collection[str], today: datetime.date) -> list[Answer]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {error}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    listed: Any = table.pop("answer", [])
    if table or not isinstance(listed, list):
        raise UsageError(
            f"{path} has {', '.join(table) or 'an answer that is no list'}: it holds [[answer]] tables, nothing else"
        )
    return [
        _answer(f"{path}, answer {number}", given, known, today, path)
        for number, given in enumerate(cast("list[Any]", listed), 1)
    ]


def _answer(where: str, given: Any, known: Collection[str], today: datetime.date, path: Path) -> Answer:
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if fields.keys() != _FIELDS:
        wrong = sorted(fields.keys() ^ _FIELDS)
        raise UsageError(f"{where}: {', '.join(wrong)} is missing or unknown: it has {', '.join(sorted(_FIELDS))}")
    if fields["item"] not in known:
        raise UsageError(
            f"{where}: there is no item {fields['item']!r}: `perdure scorecard … --format json` has their ids"
        )
    score = fields["score"]
    if score != "n/a" and (isinstance(score, bool) or score not in (0, 1, 2)):
        raise UsageError(f'{where}: score={score!r} is neither 0, 1, 2 nor "n/a"')
    day = fields["date"]
    if type(day) is not datetime.date:  # a datetime is one, too
        raise UsageError(f"{where}: date={str(day)!r} is no day: write 2026-05-01, without quotes")
    if day > today:
        raise UsageError(f"{where}: {day} is still to come")
    for name in ("by", "words"):
        if not isinstance(fields[name], str) or not fields[name].strip():
            raise UsageError(f"{where}: {name} says nothing")
    return Answer(**fields, place=str(path))
