"""Texts of others on a terminal: what it would obey, or what a reader wouldn't see, is written as an escape.

A pipe gets them as they are; who reads there decides.
"""

import json
from collections.abc import Callable
from unicodedata import category

_OBEYED = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_KEPT = frozenset("\n\t\u200c\u200d")
"""Line ends and tabs; and what joins letters and emojis, or keeps them apart."""


def visible(text: str) -> str:
    """With escapes as Python has them: `\\x1b[31m`. Line ends and tabs stay."""
    return _escaped(text, lambda char: char.encode("unicode_escape").decode())


def visible_json(text: str) -> str:
    """JSON that means the same: only in its texts can there be anything to escape."""
    return _escaped(text, lambda char: json.dumps(char)[1:-1])


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(escape(char) if category(char) in _OBEYED and char not in _KEPT else char for char in text)
