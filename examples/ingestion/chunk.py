"""A Markdown document in chunks, each with the headings above it: what a search finds, and what an answer cites."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

CHARS_MAX = 2000
"""A section that is longer is cut between paragraphs, items of a list or rows of a table; code is left in one piece."""
_HEADING = re.compile(r"(#{1,6})\s+(.+?)(?:\s+#+)?\s*")
_ITEM = ("|", "* ", "- ")
_FENCE = re.compile(r"\s*(```+|~~~+)")


@dataclass(frozen=True)
class Chunk:
    heading: str
    text: str


def split(text: str) -> list[Chunk]:
    """In the document's order. A heading is told with those above it: `Serve a chat › Routes of your own`."""
    chunks: list[Chunk] = []
    headings: dict[int, str] = {}
    lines: list[str] = []

    def cut() -> None:
        if body := "\n".join(lines).strip():
            chunks.append(Chunk(" › ".join(headings.values()), body))
        lines.clear()

    for line, code in _lines(text):
        if not code and (heading := _HEADING.fullmatch(line)):
            cut()
            level = len(heading[1])
            headings = {above: title for above, title in headings.items() if above < level} | {level: heading[2]}
            continue
        if not code and (not line.strip() or line.startswith(_ITEM)) and sum(map(len, lines)) > CHARS_MAX:
            cut()
        lines.append(line)
    cut()
    return chunks


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code: what looks like a heading there is none."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        yield line, bool(fence or mark)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence):
            fence = ""
