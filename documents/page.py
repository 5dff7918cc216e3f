"""Pages, and the regions in them that come from the code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from os.path import relpath
from pathlib import Path

import griffe

from documents import blocking, command, variables
from documents.entry import entry, error_tree
from documents.names import ROOT, errors, members, named
from documents.text import Link

REFERENCE = ROOT / "docs" / "reference"
REGION = re.compile(
    r"<!-- reference: (?P<what>\w+)(?P<words>[^>\n]*?) -->\n(?P<text>.*?)<!-- end of reference -->", re.DOTALL
)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Region:
    """`heading`: the name in links of the heading above it."""

    page: Path
    what: str
    words: tuple[str, ...]
    heading: str

    @property
    def name(self) -> str:
        return self.words[0] if self.what == "name" else ""


def pages() -> list[Path]:
    return sorted(REFERENCE.glob("*.md"))


def regions() -> list[Region]:
    return [region for page in pages() for region in _regions(page)]


def _regions(page: Path) -> Iterator[Region]:
    text = page.read_text(encoding="utf-8")
    for found in REGION.finditer(text):
        above = [*HEADING.finditer(text, 0, found.start())]
        yield Region(
            page=page,
            what=found["what"],
            words=tuple(found["words"].split()),
            heading=anchor(above[-1][2]) if above else "",
        )


def anchor(heading: str) -> str:
    """A heading's name in links, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def places() -> dict[str, tuple[Path, str]]:
    """Where names are explained: `Run`, `Run.cancel`, `RunFailed`. Those of `perdure` come first."""
    known: dict[str, tuple[Path, str]] = {}
    for region in sorted(regions(), key=lambda region: (region.name.count("."), region.name)):
        if region.what == "errors":
            known |= {name: (region.page, anchor(name)) for name in errors()}
        elif region.name:
            name = region.name.rpartition(".")[2]
            known.setdefault(name, (region.page, region.heading))
            it = named(region.name)
            if isinstance(it, griffe.Class) and "alone" not in region.words:
                for member in members(it):
                    known.setdefault(f"{name}.{member.name}", (region.page, anchor(f"{name}.{member.name}")))
    return known


def link_from(page: Path, self_name: str, known: dict[str, tuple[Path, str]], name: str) -> str | None:
    found = known.get(name.removeprefix("perdure."))
    if found is None or name == self_name:
        return None
    target, heading = found
    return f"#{heading}" if target == page else f"{relpath(target, page.parent)}#{heading}"


def refreshed(page: Path) -> str:
    """The page as it ought to be. Raises: KeyError for a name that isn't there."""
    known = places()

    def region(found: re.Match[str]) -> str:
        words = found["words"].split()
        self_name = words[0].rpartition(".")[2] if found["what"] == "name" else ""
        above = [*HEADING.finditer(found.string, 0, found.start())]
        link = partial(link_from, page, self_name, known)
        text = generated(found["what"], words, link, len(above[-1][1]) if above else 1)
        return f"<!-- reference: {found['what']}{found['words']} -->\n{text}\n<!-- end of reference -->"

    return REGION.sub(region, page.read_text(encoding="utf-8"))


def generated(what: str, words: list[str], link: Link, level: int) -> str:
    """`level`: of the heading above it."""
    match what, words:
        case "name", [path, *flags]:
            return entry(path, set(flags), link, level + 1)
        case "errors", []:
            return error_tree(link)
        case "variables", []:
            return variables.table(link)
        case "sync", []:
            return blocking.table(link)
        case "commands", []:
            return command.overview()
        case "command", [*path]:
            return command.one(" ".join(path), link)
        case "group", [*path]:
            return command.group(" ".join(path), link)
        case _:
            raise ValueError(f"<!-- reference: {what} {' '.join(words)} --> means nothing")
