"""`--url`, `--web`: where a command looks, and where it shows what there is."""

import os
import signal
import subprocess
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.cli.desk import on_terminal
from tests.cli.shop import Shop, say
from tests.cli.test_web import PATIENCE_S, asked, bearer, looking

URL = "http://127.0.0.1:9/admin/inspector/?token=t#/runs"
PAGE = "http://127.0.0.1:9/admin/inspector/?token=t"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inspect", "runs", "--url", URL, "--world", "sqlite:///a.db"), 2, "--world and --url are two places"),
        (("inspect", "runs", "--url", "x"), 2, "--url is the URL of an inspector"),
        (("inspect", "runs", "--url", URL), 4, "perdure: no inspector at http://127.0.0.1:9/admin: "),
        (("logs", "wrun_1", "--url", URL), 4, "perdure: no inspector at http://127.0.0.1:9/admin: "),
        (("inspect", "run", "wrun_1", "--url", URL, "--web"), 4, "perdure: no inspector at http://127.0.0.1:9/admin: "),
        (("inspect", "runs", "--since", "1h", "--web"), 2, "the page has no --since and --until"),
        (("inspect", "run", "wrun_" + "0" * 26, "--web"), 3, "there is no run wrun_0000"),
        (("inspect", "runs", "--world", "sqlite:///no.db", "--web"), 4, "no.db"),
    ],
)
def test_what_is_asked_wrongly(shop: Shop, words: tuple[str, ...], code: int, said: str) -> None:
    done = say(*words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (("runs", "--status", "failed", "--search", "x"), "#/runs?status=failed&q=x"),
        (("steps", "--status", "retrying"), "#/runs"),
        (("hooks",), "#/hooks"),
        (("workers",), "#/workers"),
        (("workflows",), "#/workflows"),
    ],
)
def test_the_page_of_an_inspector_elsewhere(words: tuple[str, ...], fragment: str) -> None:
    done = say("inspect", *words, "--url", URL, "--web")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{PAGE}{fragment}\n", "")


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("inspect", "run"), ""),
        (("inspect", "hooks"), ""),
        (("inspect", "steps"), ""),
        (("inspect", "waits"), ""),
        (("inspect", "events"), "?tab=events"),
        (("inspect", "streams"), "?tab=streams"),
        (("inspect", "children"), "?tab=family"),
        (("inspect", "step", "step_1", "--run"), ""),
        (("logs",), "?tab=logs"),
    ],
)
def test_a_run_is_shown_by_its_whole_id(shop: Shop, words: tuple[str, ...], end: str) -> None:
    run_id = shop.runs["done"]
    with looking() as (_, http, url):
        done = say(*words, run_id[:-1], "--url", url, "--web")
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{url}#/runs/{run_id}{end}\n", "")
        http.close()


def test_on_a_terminal_it_is_opened() -> None:
    told = on_terminal("inspect", "hooks", "--url", URL, "--web", BROWSER="echo opened %s")
    assert told.splitlines() == [f"{PAGE}#/hooks", f"opened {PAGE}#/hooks"]


def test_of_a_world_the_page_is_served(shop: Shop) -> None:
    command = [sys.executable, "-m", "perdure", "inspect", "run", shop.runs["done"][:-1], "--web"]
    environment = {**os.environ, "PERDURE_WORLD": shop.url, "BROWSER": "false"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            page, _, fragment = process.stdout.readline().strip().partition("#")
            assert fragment == f"/runs/{shop.runs['done']}"
            http = HTTPConnection("127.0.0.1", urlsplit(page).port or 0, timeout=PATIENCE_S)
            assert asked(http, f"/api/v1/runs/{shop.runs['done']}", **bearer(page))[0] == 200
            http.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
