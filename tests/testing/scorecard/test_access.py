"""Starting, looking, coming back."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.access import reconnects, recovers, shows_status, starts_with_202, streams_progress
from tests.testing.scorecard.written import FLOW, STEP, scored, subject, told

APP = (
    "from fastapi import FastAPI\nfrom flows import flow\nfrom perdure import get_run, start\n"
    "from perdure.http import stream_response, wrap\napi = FastAPI()\n"
)
GOOD = "@api.post('/x', status_code=202)\nasync def make():\n    return {'runId': (await start(flow, 'o')).run_id}\n"
BAD = "@api.post('/y')\nasync def wait():\n    return await (await start(flow, 'o')).result()\n"
LOOK = "@api.get('/x')\nasync def look(id: str):\n    return await get_run(id).status()\n"
READ = "@api.get('/s')\nasync def read(id: str, request):\n    return stream_response(get_run(id), request)\n"
AGAIN = "@api.get('/t')\nasync def again(id: str):\n    return get_run(id).get_readable()\n"
WRITES = STEP + "    await get_writable(str).write('x')\n" + FLOW
SILENT = STEP + "    ...\n" + FLOW


@pytest.mark.parametrize(
    ("app", "score"),
    [
        (GOOD, 2), (GOOD + BAD, 1), (BAD, 0), (LOOK, 0), ("wrap(api, routes=('runs',))\n", 2), ("wrap(api, chat=flow)\n", 2),
    ],
)  # fmt: skip
def test_starts(folder: Path, app: str, score: int) -> None:
    assert scored(starts_with_202, subject(folder, SILENT, app_DOT_py=APP + app)) == score


def test_what_a_start_lacks(folder: Path) -> None:
    about = subject(folder, SILENT, app_DOT_py=APP + BAD)
    assert told(starts_with_202, about) == ["app.py:7: wait starts, without 202 and runId"]


@pytest.mark.parametrize(("app", "score"), [(LOOK, 2), (GOOD, 0), ("wrap(api, routes=('runs',))\n", 2)])
def test_status(folder: Path, app: str, score: int) -> None:
    assert scored(shows_status, subject(folder, SILENT, app_DOT_py=APP + app)) == score


@pytest.mark.parametrize(
    ("flows", "app", "progress", "reconnect"),
    [
        (WRITES, READ, 2, 2), (WRITES, READ + AGAIN, 2, 1), (WRITES, AGAIN, 2, 0), (WRITES, LOOK, 1, 0),
        (WRITES, "wrap(api, routes=('streams',))\n", 2, 2), (SILENT, LOOK, "open", "n/a"),
    ],
)  # fmt: skip
def test_streams(folder: Path, flows: str, app: str, progress: int | str, reconnect: int | str) -> None:
    about = subject(folder, flows, app_DOT_py=APP + app)
    assert (scored(streams_progress, about), scored(reconnects, about)) == (progress, reconnect)


def test_pages(folder: Path) -> None:
    assert scored(recovers, subject(folder, SILENT, app_DOT_py=APP + GOOD)) == 0
    assert scored(recovers, subject(folder, SILENT, app_DOT_py=APP + LOOK)) == 1
    about = subject(folder, SILENT, app_DOT_py=APP + GOOD, page_DOT_js="// the page\nnew EventSource(url)\n")
    assert told(recovers, about) == ["page.js:2: the page goes on where it was"]
    assert scored(recovers, about) == 2


def test_no_app(folder: Path) -> None:
    about = subject(folder, WRITES)
    checks = (starts_with_202, shows_status, streams_progress, reconnects, recovers)
    assert [scored(check, about) for check in checks] == ["open", "open", 1, "open", "open"]
