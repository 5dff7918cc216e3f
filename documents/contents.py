"""The order of the pages, as docs/index.md has it: its headings are the parts, its links the pages in them."""

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

LEVEL = "h2"


def contents(index: str) -> dict[str, list[str]]:
    """By part, the pages in it, without `.md`."""
    parts: dict[str, list[str]] = {}
    heading, part = "", ""
    for token in MarkdownIt().parse(index):
        if token.type == "heading_open":
            heading = token.tag
        elif token.type == "inline" and heading:
            part, heading = token.content if heading == LEVEL else "", ""
        elif part:
            parts.setdefault(part, []).extend(_pages(token))
    return parts


def _pages(token: Token) -> Iterator[str]:
    for child in token.children or ():
        target = str(child.attrs.get("href", ""))
        if child.type == "link_open" and target.endswith(".md"):
            yield target.removesuffix(".md")


def directives(index: str) -> str:
    """For Sphinx, which wants to be told of each part's pages in a block of its own."""
    return "".join(
        "\n```{toctree}\n" + f":hidden:\n:caption: {part}\n\n" + "\n".join(pages) + "\n```\n"
        for part, pages in contents(index).items()
    )
