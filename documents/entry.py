"""What a page says of a name: how it is called, what its docstring says, and the same of its methods."""

import griffe

from documents.names import Named, errors, explained, members, named
from documents.signature import stub
from documents.text import Link, fenced, markdown


def entry(path: str, flags: set[str], link: Link, level: int) -> str:
    """Flags: `made`, its constructor is for users; `alone`, without its members. `level`: of its members' headings."""
    it, name = named(path), path.rpartition(".")[2]
    lines = stub(it, name, made="made" in flags)
    parts = [fenced(lines)] if lines else []
    parts.append(markdown(explained(it), link))
    if isinstance(it, griffe.Class) and "alone" not in flags:
        parts.extend(_member(member, name, link, level) for member in members(it) if explained(member))
    return "\n\n".join(part for part in parts if part)


def _member(it: Named, owner: str, link: Link, level: int) -> str:
    name = f"{owner}.{it.name}"
    return "\n\n".join((f"{'#' * level} `{name}`", fenced(stub(it, name)), markdown(explained(it), link)))


def error_tree(link: Link) -> str:
    """All errors, the general ones before what they are the root of."""
    known = errors()
    return "\n\n".join(_error(name, known, link, 2) for name, error in known.items() if not parents(error, known))


def parents(error: griffe.Class, known: dict[str, griffe.Class]) -> list[str]:
    return [str(base) for base in error.bases if str(base) in known]


def _error(name: str, known: dict[str, griffe.Class], link: Link, level: int) -> str:
    error = known[name]
    others = [f"`{base}`" for base in error.bases if str(base) not in known and str(base) != "Exception"]
    also = [f"Also a {' and a '.join(others)}."] if others else []
    below = [_error(other, known, link, level + 1) for other, one in known.items() if name in parents(one, known)]
    own = markdown(explained(error), link)
    return "\n\n".join((f"{'#' * level} `{name}`", own, *also, *below))
