"""How the names of `perdure.sync` differ from their namesakes: the one thing that the sources alone don't say."""

import inspect

import perdure
import perdure.sync
from documents.text import Link

BLOCKS, OWN, SAME = "blocks, or gives what does", "is a class of its own", "is the same function"


def table(link: Link) -> str:
    """Records and errors are left out: they are the same."""
    names: dict[str, list[str]] = {BLOCKS: [], OWN: [], SAME: []}
    for name in sorted(perdure.sync.__all__, key=str.lower):
        there, here = getattr(perdure, name), getattr(perdure.sync, name)
        kind = SAME if here is there else OWN if inspect.isclass(here) else BLOCKS
        if kind is not SAME or not inspect.isclass(here):
            names[kind].append(f"[`{name}`]({link(name)})")
    rows = [f"| {kind} | {' '.join(links)} |" for kind, links in names.items()]
    return "\n".join(("| here it | names |", "| --- | --- |", *rows))
