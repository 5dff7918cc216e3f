"""Docstrings as Markdown."""

import pytest

from documents.text import WIDTH, laid_out, markdown

KNOWN = {
    "Run.cancel": "#runcancel",
    "RunFailed": "errors.md#runfailed",
    "Broken": "#broken",
    "create_hook": "#create_hook",
}


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("One line.\nAnd more.", "One line. And more."),
        ("Says. Raises: RunFailed.", "Says.\n\n**Raises** [`RunFailed`](errors.md#runfailed)."),
        (
            "Raises: Broken where it is, TimeoutError after `timeout`, as `as_it` says.",
            "**Raises** [`Broken`](#broken) where it is, `TimeoutError` after `timeout`, as `as_it` says.",
        ),
        ("* `a`: one\n  more\n* `b`", "* `a`: one more\n* `b`"),
        ("As:\n\n    f(x)\n      y", "As:\n\n```pyi\nf(x)\n  y\n```"),
        ("As `create_hook`; see `Run.cancel`.", "As [`create_hook`](#create_hook); see [`Run.cancel`](#runcancel)."),
        ("A RunFailed, a ValueError, a HookInfo.", "A [`RunFailed`](errors.md#runfailed), a `ValueError`, a HookInfo."),
        ("Broken things and `Broken` ones.", "Broken things and [`Broken`](#broken) ones."),
        ("`timeout` is a parameter.", "`timeout` is a parameter."),
    ],
)
def test_a_docstring(docstring: str, expected: str) -> None:
    assert markdown(docstring, KNOWN.get) == expected


def test_no_line_becomes_a_list_by_chance() -> None:
    text = "x" * (WIDTH - 3) + " and - or 1. then"
    assert laid_out(text).splitlines() == ["x" * (WIDTH - 3), "and - or 1. then"]
    text = "x" * (WIDTH - 1) + " - y"
    assert laid_out(text) == text
