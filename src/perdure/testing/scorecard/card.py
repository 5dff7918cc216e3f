"""What a scorecard is made of: items by section, what was found for each, and where."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from perdure.testing.scorecard.subject import Subject

Score = Literal[0, 1, 2]
Risk = Literal[1, 2, 3]
"""1: runs go wrong, or anybody may resume them; 2: work is lost, or nobody sees it; 3: the rest."""


class Evidence(Struct, frozen=True):
    """`place` is `file:line`, a file, or a run's id; empty where `text` is about nothing that has a place."""

    text: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class Found(Struct, frozen=True):
    """`score` None: it can't be seen from here, and a person has to answer. `applies` False: there is nothing to see."""

    score: Score | None
    evidence: tuple[Evidence, ...] = ()
    applies: bool = True


class Item(Struct, frozen=True, kw_only=True):
    """A line of the table. `id` is what answers name it by; `fix` is what to do where it has less than 2."""

    id: str
    text: str
    check: Callable[[Subject], Found]
    fix: str
    risk: Risk = 2


class Section(Struct, frozen=True):
    """Items that belong together, in the table's order."""

    title: str
    items: tuple[Item, ...]


def found(score: Score, *evidence: Evidence) -> Found:
    """What could be seen."""
    return Found(score, evidence)


def share(good: list[Evidence], bad: list[Evidence]) -> Found:
    """2 where all is good, 0 where nothing is, else 1. What is bad is told first."""
    assert good or bad, "a share of nothing"
    return Found(2 if not bad else 1 if good else 0, (*bad, *good))


def unseen(why: str, *evidence: Evidence) -> Found:
    """What can't be seen from here, and why."""
    return Found(None, (Evidence(f"not checkable: {why}; answer it yourself"), *evidence))


def nothing(why: str) -> Found:
    """What doesn't apply, and why."""
    return Found(None, (Evidence(f"doesn't apply: {why}"),), applies=False)
