"""How a text is written into a column: PostgreSQL's have no NUL.

NUL becomes two characters, and so does the one that announces it. The order of code points is kept, and a text begins
with another exactly if its written form begins with the other's: so lists and prefixes work on what is written.
"""

import re

_MARK = "\x01"
_WRITTEN = {"\0": "\x01\x01", "\x01": "\x01\x02"}
_READ = {written: text for text, written in _WRITTEN.items()}
_TO_WRITE = str.maketrans(_WRITTEN)
_TO_READ = re.compile("\x01[\x01\x02]")


def write(text: str) -> str:
    """The text as a column keeps it."""
    return text.translate(_TO_WRITE) if "\0" in text or _MARK in text else text


def write_optional(text: str | None) -> str | None:
    return None if text is None else write(text)


def read(written: str) -> str:
    """The text that was written so."""
    return _TO_READ.sub(lambda found: _READ[found[0]], written) if _MARK in written else written


def read_optional(written: str | None) -> str | None:
    return None if written is None else read(written)


def write_pairs(texts: dict[str, str]) -> dict[str, str]:
    """Keys and values as a JSON column keeps them."""
    return {write(key): write(value) for key, value in texts.items()}


def read_pairs(written: dict[str, str]) -> dict[str, str]:
    return {read(key): read(value) for key, value in written.items()}
