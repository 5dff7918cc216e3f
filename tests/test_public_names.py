"""Every public name explains itself, and is in the documents."""

import inspect
import re
from pathlib import Path

import pytest

import perdure
from perdure import testing

ROOT = Path(__file__).parents[1]
TEXTS = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]
CODE = "\n".join(code for text in TEXTS for code in re.findall(r"```.*?^```|`[^`\n]+`", text, re.DOTALL | re.MULTILINE))


def explanation(name: str, value: object) -> str:
    """The docstring that somebody wrote for this value: neither inherited nor made by a dataclass."""
    own = vars(value).get("__doc__") if inspect.isclass(value) else getattr(value, "__doc__", None)
    return "" if own is None or own.startswith(f"{name}(") else own


def in_documents(name: str, code: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code) is not None


def test_all_names_exist_once() -> None:
    assert len(perdure.__all__) == len(set(perdure.__all__))
    assert [name for name in perdure.__all__ if not hasattr(perdure, name)] == []


@pytest.mark.parametrize("name", perdure.__all__)
def test_a_public_name_explains_itself(name: str) -> None:
    assert explanation(name, getattr(perdure, name))


@pytest.mark.parametrize("name", testing.__all__)
def test_a_name_for_tests_explains_itself_and_is_documented(name: str) -> None:
    assert explanation(name, getattr(testing, name))
    assert in_documents(name, CODE)


@pytest.mark.parametrize("name", perdure.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    assert in_documents(name, CODE)


def test_what_is_missing_is_found() -> None:
    class Described:
        """Says what it is."""

    class Bare(Described): ...

    assert explanation("Described", Described) == "Says what it is."
    assert explanation("Bare", Bare) == ""
    assert explanation("Point", type("Point", (), {"__doc__": "Point(x: int)"})) == ""
    assert in_documents("start", "`start(fulfil)`")
    assert not in_documents("start", "`restart` and `started_at`")
