"""The rules: that the names in the tables exist, and that the sentences read well."""

import functools
import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest

from perdure.replay.linter.rules import (
    ANNOTATED_KINDS,
    AWAITED,
    AWAITED_KINDS,
    AWAITED_METHODS,
    CALLS,
    GLOBAL_STATE,
    KINDS,
    METHODS,
    SETTLED_BY_ARGUMENTS,
    UNAWAITED,
    VALUES,
    Rule,
)

DOCUMENT = Path(__file__).parents[3] / "docs/how-to/determinism.md"

# Of newer Pythons, or of other systems.
ELSEWHERE = {"uuid.uuid6", "uuid.uuid7", "random.binomialvariate", "os.startfile", "pathlib.Path.walk"} | {
    "threading.Condition.acquire",  # made with each condition
}
CLASSES = {
    "set": "builtins.set",
    "Path": "pathlib.Path",
    "Lock": "threading.Condition",
    "Event": "threading.Event",
    "Queue": "queue.Queue",
    "loop": "asyncio.AbstractEventLoop",
}


def exists(full_name: str) -> bool:
    """Whether the longest importable part of a name has the rest."""
    module, _, rest = full_name.partition(".")
    found: object = importlib.import_module(module)
    for part in rest.split("."):
        module = f"{module}.{part}"
        if not hasattr(found, part) and importlib.util.find_spec(module.rpartition(".")[0]) is not None:
            importlib.import_module(module)
        found = getattr(found, part)
    return True


def is_here(full_name: str) -> bool:
    return full_name not in ELSEWHERE and importlib.util.find_spec(full_name.partition(".")[0]) is not None


@pytest.mark.parametrize(
    "full_name", sorted(filter(is_here, {*CALLS, *VALUES, *KINDS, *ANNOTATED_KINDS, *AWAITED, *AWAITED_KINDS}))
)
def test_a_name_exists(full_name: str) -> None:
    assert exists(full_name)


@pytest.mark.parametrize("name", sorted([*AWAITED, *AWAITED_METHODS]))
def test_what_must_be_awaited_is_async(name: str) -> None:
    kind, _, method = name.partition(".")
    found = getattr(importlib.import_module(f"perdure{'.agent' if kind == 'DurableAgent' else ''}"), kind, None)
    function = (
        getattr(found, method)
        if found is not None
        else functools.reduce(getattr, name.split(".")[1:], sys.modules[kind])
    )
    assert inspect.iscoroutinefunction(function) or name == "asyncio.gather"


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_exists(method: str) -> None:
    kind, _, name = method.partition(".")
    full_name = f"{CLASSES[kind]}.{name}"
    assert full_name in ELSEWHERE or exists(full_name)


def test_only_what_is_listed_can_be_settled() -> None:
    assert set(SETTLED_BY_ARGUMENTS) <= set(CALLS)


@pytest.mark.parametrize("rule", sorted({*CALLS.values(), *VALUES.values(), *METHODS.values()}, key=str))
def test_the_sentences_have_no_ends(rule: Rule) -> None:
    assert rule.id == rule.id.lower()
    for text in (rule.because, rule.instead):
        assert text == text.strip(" .;")
    assert rule.because[0].islower()


def test_each_rule_is_documented() -> None:
    rules = {rule.id for rule in (*CALLS.values(), *VALUES.values(), *METHODS.values(), GLOBAL_STATE, UNAWAITED)}
    assert {f"| `{rule}` |" for rule in rules} == set(
        re.findall(r"\| `[\w-]+` \|", DOCUMENT.read_text(encoding="utf-8"))
    )
