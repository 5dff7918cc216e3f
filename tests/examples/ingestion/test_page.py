"""The page in a real browser: it shows how far the run is, and the answer, and after a refresh the same, each line once."""

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from examples.ingestion import app, index
from perdure import configure
from tests.browser import chromium, screenshot_folder, served

LINES = "#log li"
ANSWER = "A cat sleeps for most of the day. [deep/cats.md › Cats]"


def lines(page: Page) -> list[str]:
    return page.locator(LINES).all_inner_texts()


def test_it_goes_on_after_a_refresh(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "DOCUMENTS", folder)
    take, let_go = index.take, threading.Event()

    def held(folder: Path, document: str) -> int:
        if document == "deep/cats.md":
            assert let_go.wait(60)
        return take(folder, document)

    monkeypatch.setattr(index, "take", held)
    configure(world=f"sqlite:///{tmp_path / 'runs.db'}")
    errors: list[str] = []
    with chromium() as browser, served(app.api) as address:
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_role("button", name="Begin").click()
        expect(page.locator(LINES)).to_have_count(3)  # the third document is held
        expect(page.get_by_role("status")).to_have_text("running")
        before = lines(page)
        page.reload()
        expect(page.locator(LINES)).to_have_count(3)
        assert lines(page) == before

        let_go.set()
        expect(page.get_by_role("status")).to_have_text("done")
        assert lines(page)[3:] == ["deep/cats.md: 1 chunks", "done: 4 chunks of 3 documents; failed: 0, gone: 0"]
        assert page.locator("#bar").get_attribute("value") == "3"

        page.get_by_label("your question").fill("How long does a cat sleep?")
        page.get_by_role("button", name="Ask").click()
        expect(page.locator("#answer")).to_have_text(ANSWER)
        page.reload()
        expect(page.locator("#answer")).to_have_text(ANSWER)
        expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
        if (shots := screenshot_folder()) is not None:
            page.screenshot(path=shots / "ingestion.png")

        other = browser.new_page()  # somebody else, with the link
        other.goto(page.url)
        expect(other.get_by_role("status")).to_have_text("done")
        assert lines(other) == lines(page)
        expect(other.locator("#answer")).to_have_text(ANSWER)
    assert errors == []
