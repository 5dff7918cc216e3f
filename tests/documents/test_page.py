"""The parts of the reference that come from the code: they are what it says, and they are all there."""

import re
from pathlib import Path

import pytest

from documents import page
from documents.names import ROOT
from documents.page import anchor, pages, refreshed, regions


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_page_is_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == refreshed(path), f"`make reference` refreshes {path.relative_to(ROOT)}"


def test_what_stands_around_a_region_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "REFERENCE", tmp_path)
    mine = tmp_path / "mine.md"
    mine.write_text(
        "# Mine\n\n## now\n\n<!-- reference: name perdure.now -->\nold\n<!-- end of reference -->\n\nAfter.\n"
    )
    text = refreshed(mine)
    assert text.startswith(
        "# Mine\n\n## now\n\n<!-- reference: name perdure.now -->\n```pyi\nnow() -> datetime\n```\n\nAn aware"
    )
    assert text.endswith("\n<!-- end of reference -->\n\nAfter.\n")
    assert [(region.name, region.heading) for region in regions()] == [("perdure.now", "now")]


@pytest.mark.parametrize("words", ["name perdure.nothing", "nothing", "command perdure nothing"])
def test_what_is_not_there_cannot_be_asked_for(words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page, "REFERENCE", tmp_path)
    mine = tmp_path / "mine.md"
    mine.write_text(f"# Mine\n\n<!-- reference: {words} -->\n<!-- end of reference -->\n")
    with pytest.raises((KeyError, ValueError)):
        refreshed(mine)


def test_no_region_is_left_open() -> None:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        assert (
            text.count("<!-- reference: ")
            == text.count("<!-- end of reference -->")
            == len([*page.REGION.finditer(text)])
        )


def test_an_anchor() -> None:
    assert anchor("`Run.wake_up`, in *short*") == "runwake_up-in-short"
    assert re.fullmatch(r"[\w-]+", anchor("perdure.sync.Run"))
