"""Every rule that is taken out is missed: the simulation sees each planted fault, and nothing where none is planted."""

import re
from collections import Counter
from pathlib import Path

import pytest

from perdure.testing.simulation.campaign import first_caught
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.simulation import simulate
from tests.faults.planted import NOT_PLANTED, PLANTED, Planted

ROOT = Path(__file__).parents[2]
SEEDS_MAX = 1500
DESIGN = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
RULES = DESIGN.partition("\n## Replay\n")[2].partition("\n## Decisions")[0]  # above them L1 to L8 are layers
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def named(text: str) -> set[str]:
    """The rules that a text names: T1, O3; M1–M3 are three."""
    rules: set[str] = set()
    for letter, first, last in re.findall(r"\b([TLMOS])([1-9])\b(?:–[TLMOS]?([1-9]))?", text):
        rules |= {f"{letter}{number}" for number in range(int(first), int(last or first) + 1)}
    return rules


@pytest.mark.parametrize("one", PLANTED, ids=lambda one: f"{one.rule}-{one.apply.__name__}")
def test_a_planted_fault_is_caught(one: Planted) -> None:
    caught = first_caught(one.plan, range(one.seed, one.seed + SEEDS_MAX), one.apply)
    assert caught, f"{one.rule} without effect ({one.what}) is not seen in {SEEDS_MAX} seeds from {one.seed}"
    with one.apply():
        spoilt = simulate(one.plan, caught[0]).mischief
    bugs = [error for error in spoilt if re.search("AttributeError|NameError|TypeError", error)]
    assert not bugs, f"the fault is broken itself, and shows nothing: {bugs}"
    healthy = check(simulate(one.plan, caught[0]))
    assert not healthy, f"seed {caught[0]} breaks a rule without the fault: {healthy[0]}"


def test_every_rule_of_the_design_is_planted_or_has_a_reason() -> None:
    rules = named(RULES)
    assert len(rules) > 25, f"the design names {sorted(rules)}"
    planted = {one.rule for one in PLANTED}
    assert rules - planted - NOT_PLANTED.keys() == set(), "plant a fault, or say in NOT_PLANTED why there is none"
    assert planted & NOT_PLANTED.keys() == set(), "it is planted: take it out of NOT_PLANTED"
    assert planted - rules == {"P1", "P6"}, "docs/design.md doesn't know this rule"


def test_the_table_in_the_document_has_every_fault() -> None:
    table = RELIABILITY.partition("| rule | the fault |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([A-Z]\d)\b", table, re.MULTILINE)
    assert Counter(rows) == Counter(one.rule for one in PLANTED)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("**T1** The", {"T1"}),
        ("M1–M3, as S6.", {"M1", "M2", "M3", "S6"}),
        ("L1–4", {"L1", "L2", "L3", "L4"}),
        ("P1 and UTF8, L10, STEP1", set()),
    ],
)
def test_rules_are_found_by_name(text: str, rules: set[str]) -> None:
    assert named(text) == rules
