"""The page in a real browser: asked, refreshed in the middle, approved, and the whole answer is there once."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from examples.support_assistant import model, shop
from examples.support_assistant.app import api
from perdure import configure
from tests.browser import chromium, served

ANSWER = "o-1 is a kettle for 35 €, delivered. It is refunded: re_1."


def test_it_goes_on_after_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PAUSE_S", 0.005)
    shop.refunds.clear()
    configure(world=f"sqlite:///{tmp_path / 'runs.db'}")
    errors: list[str] = []
    with chromium() as browser, served(api) as address:
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_label("your question").fill("Please refund o-1")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        page.reload()
        expect(page.get_by_role("status")).to_have_text("answering")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("status")).to_have_text("ready")
        said = page.locator("li.assistant")
        expect(said).to_contain_text(ANSWER)
        assert said.inner_text().count("Let me look up") == 1
        page.reload()
        expect(page.locator("li.assistant")).to_contain_text(ANSWER)
    assert errors == []
    assert [*shop.refunds.values()] == ["o-1"]
