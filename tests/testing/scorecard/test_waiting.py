"""Waits for time, people and programs."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.waiting import asks_people, authorizes, names_tokens, sleeps, takes_callbacks, times_out
from tests.testing.scorecard.written import STEP, scored, subject, told

KIND = "approvals = define_hook(bool, prefix='approval')\n"
APP = (
    "from fastapi import FastAPI, Depends, HTTPException\nfrom flows import approvals\nfrom perdure.http import wrap\n"
    "api = FastAPI()\n@api.post('/x')\n"
)
KNOWN = "async def go(user=Depends(print)):\n"
RESUME = "    await approvals.resume('o', True)\n"


def flow(*lines: str) -> str:
    return KIND + "@workflow\nasync def flow(order: str) -> None:\n" + "".join(f"    {line}\n" for line in lines)


HOOK = flow("await race(approvals.create(order), sleep('1d'))")


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (flow("await sleep('1d')"), 2),
        (flow("import time", "time.sleep(3)"), 0),
        (flow("await sleep('1d')") + STEP + "    await asyncio.sleep(60)\n", 1),
        (STEP + "    await asyncio.sleep(1)\n" + flow("pass"), "n/a"),
    ],
)
def test_time(folder: Path, text: str, score: int | str) -> None:
    assert scored(sleeps, subject(folder, text)) == score


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (HOOK, 2),
        (STEP + "    ...\n" + flow("while not await act(order):", "    await sleep('1m')"), 1),
        (flow("pass") + "x = dict(needs_approval=True)\n", 2),
        (flow("pass"), "n/a"),
    ],
)
def test_people(folder: Path, text: str, score: int | str) -> None:
    assert scored(asks_people, subject(folder, text)) == score


def test_callbacks(folder: Path) -> None:
    assert scored(takes_callbacks, subject(folder, flow("create_webhook()"))) == 2
    assert scored(takes_callbacks, subject(folder, flow("pass"))) == "n/a"
    assert scored(takes_callbacks, subject(folder, HOOK)) == "open"
    assert scored(takes_callbacks, subject(folder, HOOK, app_DOT_py=APP + "def idle(): ...\n")) == 0
    assert scored(takes_callbacks, subject(folder, HOOK, app_DOT_py=APP + "async def go():\n" + RESUME)) == 2


@pytest.mark.parametrize(
    ("lines", "score"),
    [
        (["approvals.create(order)", "create_webhook()"], 2),
        (["approvals.create(order)", "create_hook()"], 1),
        (["create_hook()"], 0),
        (["pass"], "n/a"),
    ],
)
def test_tokens(folder: Path, lines: list[str], score: int | str) -> None:
    assert scored(names_tokens, subject(folder, flow(*lines))) == score


@pytest.mark.parametrize(
    ("route", "score", "sentence"),
    [
        (KNOWN + "    raise HTTPException(403)\n" + RESUME, 2, "go knows its caller, and turns some away"),
        (KNOWN + RESUME, 1, "go asks who calls, and turns nobody away"),
        ("async def go():\n    raise HTTPException(403)\n" + RESUME, 1, "go turns some away without asking who calls"),
        ("async def go():\n" + RESUME, 0, "go lets everybody resume"),
        ("def idle(): ...\nwrap(api, routes=('hooks',), authorize=print)\n", 2, "perdure's routes ask authorize="),
        ("def idle(): ...\nwrap(api, routes=('hooks',))\n", 0, "nobody is asked: authorize= is missing, or lets all in"),
    ],
)  # fmt: skip
def test_who_may_resume(folder: Path, route: str, score: int, sentence: str) -> None:
    about = subject(folder, HOOK, app_DOT_py=APP + route)
    assert scored(authorizes, about) == score
    assert told(authorizes, about)[0].endswith(f": {sentence}")


def test_webhooks_and_nobody(folder: Path) -> None:
    assert scored(authorizes, subject(folder, flow("create_webhook(verify=x)"))) == 2
    assert scored(authorizes, subject(folder, flow("create_webhook(verify=x)", "create_webhook()"))) == 0
    assert scored(authorizes, subject(folder, HOOK)) == "open"
    assert scored(authorizes, subject(folder, flow("pass"))) == "n/a"


def test_limits(folder: Path) -> None:
    assert scored(times_out, subject(folder, HOOK)) == 2
    assert scored(times_out, subject(folder, flow("await approvals.create(order)"))) == 0
    assert scored(times_out, subject(folder, flow("pass"))) == "n/a"
