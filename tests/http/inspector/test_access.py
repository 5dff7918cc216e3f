"""Everybody can use the page: axe finds nothing, in no view, light or dark, and not in the dialogs."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.http.inspector import axe
from tests.http.inspector.site import Site, opened, watched

VIEWS = {
    "runs": ("#/runs", ".grid-scroll .row"),
    "no runs": ("#/runs?workflow=nothing", ".empty-title"),
    "hooks": ("#/hooks", ".grid-scroll .row"),
    "workers": ("#/workers", "tbody tr"),
    "workflows": ("#/workflows", "tbody tr"),
    "completed": ("#/runs/{completed}", ".spans-grid .row"),
    "failed": ("#/runs/{failed}", ".callout"),
    "blocked": ("#/runs/{blocked}", ".side"),
    "waiting": ("#/runs/{hook}", ".waits"),
    "events": ("#/runs/{completed}?tab=events", ".events-grid .row"),
    "text": ("#/runs/{text}?tab=streams", ".follow"),
    "chat": ("#/runs/{chat}?tab=streams", ".message"),
    "values": ("#/runs/{text}?tab=streams&stream=notes", ".chunks-grid .row"),
    "logs": ("#/runs/{completed}?tab=logs", ".log li"),
    "family": ("#/runs/{completed}?tab=family", ".children-grid .row"),
}


@pytest.fixture(autouse=True)
def fresh_world() -> None:
    """This module has one world for all its tests, and no loop of its own."""


@pytest.fixture(scope="module")
def script() -> str:
    return axe.source()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, script: str) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("site")) as site:
        yield site


def show(page: Page, site: Site, view: str) -> None:
    hash, shown = VIEWS[view]
    page.goto(site.url(hash.format_map(site.ids)))
    expect(page.locator(shown).first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_keeps_anybody_out(site: Site, script: str, scheme: str) -> None:
    with watched(site, color_scheme=scheme, reduced_motion="reduce") as found:
        wrong = {}
        for view in VIEWS:
            show(found.page, site, view)
            wrong[view] = axe.violations(found.page, script)
        assert {view: told for view, told in wrong.items() if told} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_dialog_or_panel_does(site: Site, script: str, scheme: str) -> None:
    opening = {
        "completed": ".spans-grid [data-index='1']",
        "waiting": ".actions .is-danger",
        "hooks": ".h-act button",
        "runs": "[aria-label='Keys']",
    }
    with watched(site, color_scheme=scheme, reduced_motion="reduce") as found:
        wrong = {}
        for view, button in opening.items():
            show(found.page, site, view)
            found.page.locator(button).first.click()
            expect(found.page.locator("dialog, .has-chosen").first).to_be_visible()
            wrong[view] = axe.violations(found.page, script)
        assert {view: told for view, told in wrong.items() if told} == {}


def test_what_is_planted_is_found(site: Site, script: str) -> None:
    with watched(site) as found:
        show(found.page, site, "runs")
        found.page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        assert any("button-name" in told for told in axe.violations(found.page, script))
