"""What the page's own files may not do: run what isn't a file of it, make markup of a text, or ask another host."""

import re
from collections.abc import Iterator
from pathlib import Path

import perdure

STATIC = Path(perdure.__file__).parent / "http/inspector/static"
FORBIDDEN = {
    r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|DOMParser": "makes markup of a text",
    r"\beval\(|new Function|setTimeout\([\"'`]|javascript:": "runs a text",
    r"style=\"": "a style in an attribute, which the policy forbids",
    r"[\"'`(]https?://(?!www\.w3\.org/)|[\"'`]//": "names another host",
    r"from \"(?!\.\.?/)": "imports by a bare name: there is no import map",
}


def findings(name: str, source: str) -> Iterator[str]:
    for pattern, why in FORBIDDEN.items():
        for found in re.finditer(pattern, source):
            yield f"{name}: {found[0]}: {why}"


def test_no_file_does() -> None:
    paths = [*STATIC.glob("app/*.js"), STATIC / "index.html", STATIC / "style.css"]
    found = [finding for path in paths for finding in findings(path.name, path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_document_has_no_script_or_style_of_its_own() -> None:
    document = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=", document) == []


def test_what_is_planted_is_found() -> None:
    planted = [
        "node.innerHTML = text", "eval(text)", '<p style="color: red">', 'fetch("https://example.com")', 'from "preact"',
    ]  # fmt: skip
    assert [len([*findings("a.js", one)]) for one in planted] == [1, 1, 1, 1, 1]


def test_every_import_is_there() -> None:
    for path in STATIC.glob("*/*.js"):
        for name in re.findall(r"from ?\"([^\"]+)\"", path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"
