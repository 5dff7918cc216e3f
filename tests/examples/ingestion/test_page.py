"""The page in a real browser: it shows how far the run is, and after a refresh it shows the same, each line once."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from examples.ingestion import app
from perdure import configure
from tests.browser import chromium, screenshot_folder, served

LINES = "#log li"


def documents(folder: Path, *, held: bool) -> Path:
    """Three documents, and with `held` a fourth that can be read only once somebody has written it."""
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.md").write_text(f"hello {name} <b>hello</b> hello", encoding="utf-8")
    if held:
        os.mkfifo(folder / "z.md")
    return folder


def lines(page: Page) -> list[str]:
    return page.locator(LINES).all_inner_texts()


def test_it_goes_on_after_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = documents(tmp_path / "docs", held=True)
    monkeypatch.setattr(app, "DOCUMENTS", folder)
    configure(world=f"sqlite:///{tmp_path / 'runs.db'}")
    errors: list[str] = []
    with chromium() as browser, served(app.api) as address:
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_role("button", name="Begin").click()
        expect(page.locator(LINES)).to_have_count(4)  # the fourth document is held
        expect(page.get_by_role("status")).to_have_text("running")
        before = lines(page)
        page.reload()
        expect(page.locator(LINES)).to_have_count(4)
        assert lines(page) == before

        (folder / "z.md").write_text("zebra zebra", encoding="utf-8")
        expect(page.get_by_role("status")).to_have_text("done")
        assert lines(page)[4:] == ["z.md: 2 words, most of all zebra", "done: 11 words"]
        assert page.locator("#bar").get_attribute("value") == "4"
        if (shots := screenshot_folder()) is not None:
            page.screenshot(path=shots / "ingestion.png")

        other = browser.new_page()  # somebody else, with the link
        other.goto(page.url)
        expect(other.get_by_role("status")).to_have_text("done")
        assert lines(other) == lines(page)
    assert errors == []
