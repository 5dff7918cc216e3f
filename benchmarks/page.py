"""`python -m benchmarks.page`: how fluid the inspector's page is in a browser, with 10,000 runs and a run of 5,000 spans.

Frames are counted while the list is scrolled by its own script, so nothing but the page is measured. "busy" is the
processor time of the page's main thread for a frame: it holds on a machine that does other things too.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Page

from perdure import close, configure, start, step, worker, workflow
from perdure.http import wrap
from tests.browser import chromium, served

FRAMES = 240
FRAME_MS = 1000 / 60
AT_ONCE = 500
SCROLL = """async ([selector, by, frames]) => {
    const box = document.querySelector(selector);
    box.scrollTop = 0;
    const took = [];
    let last = performance.now();
    for (let frame = 0; frame < frames; frame += 1) {
        box.scrollTop += by;
        await new Promise((done) => requestAnimationFrame(done));
        const now = performance.now();
        took.push(now - last);
        last = now;
    }
    return took;
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
NODES = "document.querySelectorAll('*').length"


@step
async def work(n: int) -> int:
    return n


@workflow(name="shop.orders:fulfil")
async def one(n: int) -> int:
    return await work(n)


@workflow(name="shop.stock:count")
async def many(steps: int) -> int:
    return sum(await asyncio.gather(*[work(n) for n in range(steps)]))


async def fill(url: str, runs: int, spans: int) -> str:
    """So many runs, and one of so many steps, whose id it gives."""
    configure(world=url, work=False)
    try:
        async with worker():
            for first in range(0, runs - 1, AT_ONCE):
                batch = [await start(one, n) for n in range(first, min(first + AT_ONCE, runs - 1))]
                await asyncio.gather(*[run.result() for run in batch])
            large = await start(many, spans)
            await large.result()
            return large.run_id
    finally:
        await close()


def measure_list(page: Page, address: str, hash: str, selector: str, count: int) -> None:
    page.goto("about:blank")
    page.goto(f"{address}/inspector/{hash}")
    page.wait_for_selector(f"{selector} .row")
    shown_ms = page.evaluate("performance.now()")
    print(f"  first paint {page.evaluate(PAINTED):.0f} ms, first rows {shown_ms:.0f} ms")
    height = page.evaluate(f"document.querySelector('{selector} .row').offsetHeight")
    page.evaluate("() => (window.began = performance.now())")
    while page.evaluate(f"document.querySelector('{selector}').scrollHeight") < count * height:
        page.evaluate(f"document.querySelector('{selector}').scrollTop = 1e9")
        page.wait_for_timeout(10)
    print(f"  all {count:,} rows read in {page.evaluate('performance.now() - began') / 1000:.1f} s")
    for name, by in {"slowly": 10, "fast": 60, "in leaps": 1000}.items():
        frames, busy_ms = busy(page, lambda by=by: page.evaluate(SCROLL, [selector, by, FRAMES]))
        told(f"scrolled {name} ({by} px a frame)", frames, busy_ms)
    print(f"  {page.evaluate(NODES):,} elements in the page")


def measure_zoom(page: Page, selector: str) -> None:
    page.locator(f"{selector} .row").nth(3).click()
    keys = "++++++++--------" * 5

    def press() -> None:
        for key in keys:
            page.keyboard.press(key)

    _, busy_ms = busy(page, press)
    print(f"  a zoom: {busy_ms * FRAMES / len(keys):.1f} ms busy")


def busy(page: Page, act: Callable[[], Any]) -> tuple[Any, float]:
    """What it gave, and the main thread's processor time, in ms for each of FRAMES."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    before = seconds()
    given = act()
    return given, (seconds() - before) * 1000 / FRAMES


def told(what: str, frames: list[float], busy_ms: float) -> None:
    p95 = quantiles(frames, n=20)[-1]
    dropped = sum(frame > 1.5 * FRAME_MS for frame in frames)
    print(
        f"  {what}: a frame {median(frames):.1f} ms, 95 % under {p95:.1f} ms, {dropped} of {len(frames)} late; "
        f"{busy_ms:.1f} ms busy"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--spans", type=int, default=5_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'runs.db'}"
        large = asyncio.run(fill(url, options.runs, options.spans))
        configure(world=url, work=False)
        app = wrap(None, routes=("inspector",), authorize=lambda *_: True)
        with chromium() as browser, served(app) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            print(f"The list of {options.runs:,} runs")
            measure_list(page, address, "#/runs", ".runs-grid .grid-scroll", options.runs)
            print(f"A run with {options.spans:,} spans")
            measure_list(page, address, f"#/runs/{large}", ".spans-grid .grid-scroll", options.spans)
            measure_zoom(page, ".spans-grid")


if __name__ == "__main__":
    main()
