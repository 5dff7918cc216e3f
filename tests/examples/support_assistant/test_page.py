"""The page in a real browser: asked, refreshed in the middle, approved, asked again: each answer is there once."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from examples.support_assistant import model, shop
from examples.support_assistant.app import api
from perdure import configure
from tests.browser import chromium, screenshot_folder, served
from tests.examples.support_assistant.said import AGAIN, IS, REFUND

ANSWER = f"{IS} It is refunded: re_1."


def test_it_goes_on_after_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PAUSE_S", 0.005)
    configure(world=f"sqlite:///{tmp_path / 'runs.db'}")
    errors: list[str] = []
    with chromium() as browser, served(api) as address:
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.get_by_label("your question").fill(REFUND)
        page.get_by_role("button", name="Send").click()
        approve, status, said = (
            page.get_by_role("button", name="Approve"),
            page.get_by_role("status"),
            page.locator("li.assistant"),
        )
        expect(approve).to_be_visible()
        page.reload()
        expect(status).to_have_text("answering")
        approve.click()
        expect(status).to_have_text("it is for the shop to decide")
        page.get_by_label("your question").fill(AGAIN)
        page.get_by_role("button", name="Send").click()  # it waits behind the answer that is under way
        expect(page.locator("li.user")).to_have_text([REFUND, AGAIN])
        page.reload()

        page.get_by_label("you are").select_option("sam")
        approve.click()
        expect(said).to_have_count(2)
        expect(status).to_have_text("ready")
        expect(said.first).to_contain_text(ANSWER)
        assert said.first.inner_text().count("Let me look up") == 1
        expect(said.last).to_contain_text(IS)
        before = page.locator("#messages").inner_text()
        if (shots := screenshot_folder()) is not None:
            page.screenshot(path=shots / "support.png")
        page.reload()
        expect(said).to_have_count(2)
        assert page.locator("#messages").inner_text() == before

        other = browser.new_page()  # somebody else, with the link
        other.goto(page.url)
        expect(other.locator("li.assistant")).to_have_count(2)
        expect(other.locator("li.assistant").first).to_contain_text(ANSWER)
    assert errors == []
    assert [*shop.refunds.values()] == ["o-1"]
