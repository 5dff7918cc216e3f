"""The inspector with its page, served with a sample world behind it, and a browser that watches what the page does."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from perdure import configure
from perdure.http import wrap
from perdure.http.authorization import Authorize
from tests.browser import chromium, served
from tests.http.inspector.sample import fill

PATIENCE_MS = 20_000
"""A machine that does other things too gives a browser little."""
expect.set_options(timeout=PATIENCE_MS)


def anybody(*_: Any) -> bool:
    return True


@dataclass
class Site:
    """Where it is served, and the sample's runs by what is special about each."""

    address: str
    ids: dict[str, str]
    browser: Browser

    @contextmanager
    def beside(self, authorize: Authorize) -> "Iterator[Site]":
        """The same world, served to others."""
        with served(wrap(None, routes=("inspector",), authorize=authorize)) as address:
            yield replace(self, address=address)

    def url(self, hash: str = "") -> str:
        return f"{self.address}/inspector/{hash}"

    def run_url(self, name: str, query: str = "") -> str:
        return self.url(f"#/runs/{self.ids[name]}{query}")


@dataclass
class Watched:
    """A page, and what it should not have done."""

    page: Page
    site: Site
    wrong: list[str] = field(default_factory=list[str])

    def follow(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.site.address, "data:", "blob:")):
            self.wrong.append(f"left the origin: {request.url}")


@contextmanager
def opened(folder: Path, authorize: Authorize = anybody) -> Iterator[Site]:
    """The sample world in a file of the folder, served, and a browser for it."""
    url = f"sqlite:///{folder / 'shop.db'}"
    ids = asyncio.run(fill(url))
    with chromium() as browser, serving(url, authorize) as address:
        yield Site(address, ids, browser)


@contextmanager
def serving(url: str, authorize: Authorize = anybody) -> Iterator[str]:
    """The address of the inspector of this world; the same process runs what is in it."""
    configure(world=url, deployment="2026-11-26")
    with served(wrap(None, routes=("inspector",), authorize=authorize)) as address:
        yield address


@contextmanager
def watched(site: Site, **options: Any) -> Iterator[Watched]:
    """A page of a browser of its own: at the end nothing may have been wrong."""
    context: BrowserContext = site.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    found = Watched(context.new_page(), site)
    found.follow()
    try:
        yield found
    finally:
        context.close()
    assert found.wrong == []
