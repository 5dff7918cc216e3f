"""The site's navigation is the index page's: four kinds of pages, and every page is in one."""

from documents.contents import contents, directives
from documents.names import ROOT

DOCS = ROOT / "docs"
INDEX = (DOCS / "index.md").read_text(encoding="utf-8")


def test_every_page_is_in_one_of_four_parts() -> None:
    parts = contents(INDEX)
    assert [*parts] == ["Tutorial", "How-to guides", "Reference", "Explanation"]
    listed = [page for pages in parts.values() for page in pages]
    there = [path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")]
    assert sorted([*listed, "index"]) == sorted(there), "docs/index.md names each page once: it is the navigation"


def test_headings_are_parts_and_links_are_pages() -> None:
    index = "# Title\n\n[out](https://example.org/x.md) [no](no.md)\n\n## One\n\nText: [a](a.md), [b](b/c.md)\n\n"
    index += "### More\n\n[x](x.md)\n\n## Two\n\n* [d](d.md), [pic](p.png)\n"
    assert contents(index) == {"One": ["a", "b/c"], "Two": ["d"]}
    assert directives("## One\n\n[a](a.md)\n") == "\n```{toctree}\n:hidden:\n:caption: One\n\na\n```\n"
