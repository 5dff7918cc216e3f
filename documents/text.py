"""Docstrings as Markdown: paragraphs laid out anew, known names linked, what is raised in a paragraph of its own."""

import builtins
import re
import textwrap
from collections.abc import Callable

WIDTH = 118
RAISES = "Raises: "
CAMEL = re.compile(r"(?<![\w`])[A-Z][a-z]+(?:[A-Z][a-zA-Z]*)+(?![\w`])")
WORD = re.compile(r"(?<![\w`.])[A-Za-z_][\w.]*(?![\w`])")
CODE = re.compile(r"(`[^`]+`)")
BULLET = "* "

Link = Callable[[str], str | None]
"""Where a name is explained, as seen from the page; None: nowhere, or here."""


def markdown(docstring: str, link: Link) -> str:
    blocks = [block for block in re.split(r"\n\s*\n", docstring.strip("\n")) if block.strip()]
    return "\n\n".join(part for block in blocks for part in _block(block, link))


def _block(block: str, link: Link) -> list[str]:
    lines = block.splitlines()
    if all(line.startswith("    ") for line in lines):
        return [fenced(textwrap.dedent(block).splitlines())]
    if not lines[0].startswith(BULLET):
        return _paragraph(" ".join(lines), link)
    items = re.split(r"\n(?=\* )", block)
    return ["\n".join(laid_out(_linked(_joined(item[2:]), link), BULLET) for item in items)]


def _joined(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


def _paragraph(text: str, link: Link) -> list[str]:
    said, _, raised = text.rpartition(RAISES) if RAISES in text else (text, "", "")
    parts = [laid_out(_linked(said.strip(), link))] if said.strip() else []
    return [*parts, laid_out(f"**Raises** {raised_names(raised, link)}")] if raised else parts


def raised_names(text: str, link: Link) -> str:
    """In this part each name is an exception, bare as it stands."""

    def told(found: re.Match[str]) -> str:
        name = found[0].rstrip(".")
        to = link(name) if name[:1].isupper() else None
        known = to is not None or isinstance(getattr(builtins, name, None), type)
        return f"{_shown(name, to)}{found[0][len(name) :]}" if known else found[0]

    return "".join(part if part.startswith("`") else WORD.sub(told, part) for part in CODE.split(text))


def _linked(text: str, link: Link) -> str:
    return "".join(
        _linked_code(part, link)
        if part.startswith("`")
        else CAMEL.sub(lambda found: _linked_bare(found[0], link), part)
        for part in CODE.split(text)
    )


def _linked_bare(name: str, link: Link) -> str:
    to = link(name)
    return name if to is None and not isinstance(getattr(builtins, name, None), type) else _shown(name, to)


def _linked_code(code: str, link: Link) -> str:
    """Single lower-case words stay as they are: most of them are parameters."""
    name = code.strip("`").partition("(")[0]
    is_name = re.fullmatch(r"[A-Za-z_][\w.]*", name) and re.search(r"[A-Z._]", name)
    to = link(name) if is_name else None
    return code if to is None else f"[{code}]({to})"


def _shown(name: str, to: str | None) -> str:
    return f"`{name}`" if to is None else f"[`{name}`]({to})"


def laid_out(text: str, first: str = "") -> str:
    """In lines; no line but the first begins with what would make it something else than text."""
    rest = " " * len(first)
    filled = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    lines: list[str] = []
    for line in filled:
        if lines and re.match(r"\s*([-+*>#]|\d+[.)])\s", line):
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def fenced(lines: list[str], kind: str = "pyi") -> str:
    return "\n".join((f"```{kind}", *lines, "```"))
