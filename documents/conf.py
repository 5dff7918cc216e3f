"""Sphinx: docs/ as it lies, with the theme furo. `make docs` builds it; a warning is an error there."""

from sphinx.application import Sphinx

from documents.contents import directives
from perdure import __version__

project = "perdure"
release = __version__
copyright = ""
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["images"]
smartquotes = False  # `--json` is two dashes
suppress_warnings = ["misc.highlighting_failure"]  # code in documents has `…` in it

myst_heading_anchors = 6  # for links to headings, as code hosts have them

html_theme = "furo"
html_title = f"perdure {release}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)


def add_contents(_app: Sphinx, name: str, source: list[str]) -> None:
    if name == root_doc:
        source[0] += directives(source[0])
