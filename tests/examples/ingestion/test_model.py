"""The model that quotes: the sentence that has most of the question's words, and no answer where there is none."""

from examples.ingestion.index import Passage
from examples.ingestion.model import answer

BOATS = Passage(
    "boats.md",
    "Boats",
    "**Ropes.** A boat is [moored](x.md) with two\nropes. It floats on water.\n\n```\nboat ropes moored\n```",
)
TABLE = Passage("t.md", "T", "| boats | ropes |\n| --- | --- |\n| a small boat | one rope will do |")


def test_it_quotes_what_fits_best() -> None:
    assert answer("How is a boat moored?", [TABLE, BOATS]) == "A boat is moored with two ropes. [boats.md › Boats]"
    assert answer("a rope for a small boat", [BOATS, TABLE]).splitlines() == [
        "a small boat | one rope will do [t.md › T]",
        "A boat is moored with two ropes. [boats.md › Boats]",
    ]


def test_it_says_that_nothing_fits() -> None:
    assert answer("How is a boat moored?", []) == "The documents don't say."
    assert answer("How fast does a boat go in a storm?", [BOATS]) == "The documents don't say."
