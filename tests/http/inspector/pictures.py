"""`python -m tests.http.inspector.pictures`: the pictures of the page in docs/images, of the sample world.

The steps take their time here, and the store's clock is set back for what is to look old.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import ViewportSize, expect

from perdure import start
from perdure.worlds.sqlite import world as sqlite_world
from tests.browser import chromium
from tests.http.inspector import sample
from tests.http.inspector.png import squeezed
from tests.http.inspector.sample import LINES, Order, at_work, attributed
from tests.http.inspector.site import Site, serving

IMAGES = Path(__file__).parents[3] / "docs" / "images"
BYTES_MAX = 100_000
AGO_S = (11_400, 7_300, 4_100, 1_500, 640)
CUSTOMERS = ("acme", "globex", "initech")
Scheme = Literal["light", "dark"]
WIDE, PHONE = ViewportSize(width=1280, height=760), ViewportSize(width=400, height=800)
PICTURES: tuple[tuple[str, Scheme, str, ViewportSize, str], ...] = (
    ("runs", "light", "#/runs", WIDE, ""),
    ("runs", "dark", "#/runs", WIDE, ""),
    ("run", "light", "#/runs/{completed}", WIDE, ".spans-grid [data-index='1']"),
    ("run", "dark", "#/runs/{completed}", WIDE, ".spans-grid [data-index='1']"),
    ("blocked", "light", "#/runs/{blocked}", WIDE, ""),
    ("chat", "dark", "#/runs/{chat}?tab=streams", WIDE, ".chat-tool summary"),
    ("hooks", "light", "#/hooks", WIDE, ""),
    ("workflows", "dark", "#/workflows", WIDE, ""),
    ("phone-runs", "light", "#/runs", PHONE, ""),
    ("phone-run", "dark", "#/runs/{completed}", PHONE, ""),
)
"""Name, colours, what is shown, how large the window is, and what is clicked before."""


RENAME = """([from, to]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replace(from, to);
}"""
"""Where this repository lies on somebody's disk is nothing to show."""


class Clock:
    """The store's: it can be set back."""

    def __init__(self) -> None:
        self.ago_s = 0.0

    def __call__(self) -> int:
        return round((time.time() - self.ago_s) * 1000)


async def grow_old(url: str, clock: Clock) -> None:
    """What has gone by already."""
    for place, ago_s in enumerate(AGO_S):
        clock.ago_s = ago_s
        async with at_work(url):
            names = [f"A-10{place}{n}" for n in range(3)]
            runs = [
                await start(
                    sample.fulfil,
                    Order(name, LINES, "flaky" if n == place % 3 else "4242"),
                    options=attributed(tenant=CUSTOMERS[(place + n) % 3], order=name),
                )
                for n, name in enumerate(names)
            ]
            await start(sample.collect, "Globex", options=attributed(tenant="globex"))
            asked = ("A-1009", 40.0, "ordered twice") if place == 2 else None
            if asked:
                await start(sample.refund, *asked, options=attributed(tenant="initech", order=asked[0]))
            await asyncio.gather(*[run.result() for run in runs])


def draw(site: Site, name: str, scheme: Scheme, hash: str, size: ViewportSize, click: str) -> None:
    with site.browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(site.url(hash.format_map(site.ids)))
        expect(page.locator(".grid-scroll .row, tbody tr, .message").first).to_be_visible()
        if click:
            page.locator(click).first.click()
        expect(page.locator(".loading")).to_have_count(0)
        page.mouse.move(size["width"] - 2, 2)
        page.evaluate(RENAME, [sample.__file__, "shop/stock.py"])
        path = IMAGES / f"inspector-{name}-{scheme}.png"
        path.write_bytes(squeezed(page, page.screenshot()))
        print(f"{path.relative_to(IMAGES.parents[1])}  {path.stat().st_size // 1024} KiB")
        assert path.stat().st_size < BYTES_MAX, path


def main() -> None:
    clock = Clock()
    sqlite_world.wall_clock_ms = clock
    sample.SHOP.pace = 1.0
    sample.HOSTILE = "catalogue.csv, line 4117: there is no price"
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        url = "sqlite:///shop.db"
        asyncio.run(grow_old(url, clock))
        clock.ago_s = 95
        ids = asyncio.run(sample.fill(url))
        clock.ago_s = 0
        with chromium() as browser, serving(url) as address:
            for picture in PICTURES:
                draw(Site(address, ids, browser), *picture)


if __name__ == "__main__":
    sys.exit(main())
