"""`--url`: each command writes what it writes of the world itself; what an inspector elsewhere tells wrongly is refused."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from perdure.cli import remote as remotes
from perdure.cli.client import Client
from perdure.cli.failure import InspectorUnusable
from perdure.cli.remote import STRANGE, Remote
from perdure.inspector.filter import Wanted
from perdure.inspector.log import Wanted as Lines
from perdure.inspector.page import Asked
from tests.cli.desk import on_terminal
from tests.cli.shop import Shop, say
from tests.cli.test_web import looking


class Served(NamedTuple):
    """A world, and the URL of an inspector of it."""

    shop: Shop
    url: str


@pytest.fixture(scope="module")
def served(
    _first_shop: Shop, _first_desk: Shop, _first_diary: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Served]]:
    """By name; a process for each. It knows the desk's hooks, as this one does."""
    worlds = {"shop": _first_shop, "desk": _first_desk, "diary": _first_diary}
    with ExitStack() as stack:
        found: dict[str, Served] = {}
        for name, first in worlds.items():
            copy = first.copy(tmp_path_factory.mktemp(f"served-{name}"))
            _, http, url = stack.enter_context(looking("tests.cli.desk", "--world", copy.url))
            stack.callback(http.close)
            found[name] = Served(copy, url)
        yield found


COMMANDS = [
    ("shop", "inspect", "runs"),
    ("shop", "inspect", "runs", "--json", "--with-data"),
    ("shop", "inspect", "runs", "--jsonl", "--limit", "2"),
    ("shop", "inspect", "runs", "--status", "failed", "--status", "completed", "--attr", "order=bad", "--since", "1h"),
    ("shop", "inspect", "runs", "--until", "2020-01-01"),
    ("shop", "inspect", "runs", "--workflow", "shop:remind", "--search", "mind", "--limit", "1"),
    ("shop", "inspect", "runs", "--cursor", "{cancelled}"),
    ("shop", "inspect", "steps"),
    ("shop", "inspect", "steps", "--json", "--with-data", "--limit", "2", "--search", "ful"),
    ("shop", "inspect", "steps", "{retrying}", "--status", "retrying", "--json"),
    ("shop", "inspect", "events", "{done}"),
    ("shop", "inspect", "events", "{done}", "--with-data"),
    ("shop", "inspect", "events", "{failed}", "--json", "--with-data"),
    ("shop", "inspect", "waits", "{asleep}"),
    ("shop", "inspect", "waits", "{asleep}", "--json"),
    ("shop", "inspect", "children", "{asleep}"),
    ("shop", "inspect", "workers"),
    ("shop", "inspect", "workflows"),
    ("shop", "inspect", "workflows", "--json"),
    ("shop", "inspect", "run", "{failed}"),
    ("shop", "inspect", "run", "{done}", "--with-data"),
    ("shop", "inspect", "run", "{asleep}", "--json"),
    ("shop", "inspect", "run", "{done}", "--json", "--with-data"),
    ("desk", "inspect", "hooks"),
    ("desk", "inspect", "hooks", "--with-data"),
    ("desk", "inspect", "hooks", "--json", "--with-data", "--limit", "1"),
    ("desk", "inspect", "hooks", "{reporting}"),
    ("desk", "inspect", "hooks", "{asking}", "--json", "--with-data"),
    ("desk", "inspect", "streams", "{reporting}"),
    ("desk", "inspect", "streams", "{reporting}", "--json"),
    ("desk", "inspect", "run", "{asking}"),
    ("desk", "inspect", "run", "{reporting}", "--json", "--with-data"),
    ("diary", "logs", "{failed}"),
    ("diary", "logs", "{failed}", "--json"),
    ("diary", "logs", "{failed}", "--jsonl", "--level", "warning"),
    ("diary", "logs", "{failed}", "--step", "note", "--limit", "1"),
    ("diary", "logs", "{failed}", "--cursor", "2"),
    ("diary", "logs", "{failed}", "--follow", "--limit", "3"),
    ("diary", "logs", "{failed}", "--follow", "--level", "error"),
    ("diary", "logs", "{quiet}"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_same_as_of_the_world(served: dict[str, Served], folder: Path, words: tuple[str, ...]) -> None:
    name, *rest = words
    rest = [word.format(**served[name].shop.runs) for word in rest]
    here = say(*rest, "--world", served[name].shop.url)
    there = say(*rest, "--url", served[name].url)
    assert (there.exit_code, there.stdout, there.stderr) == (here.exit_code, here.stdout, here.stderr)
    assert here.exit_code == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("more", [(), ("--json",), ("--with-data",), ("--json", "--with-data")])
def test_a_step(served: dict[str, Served], more: tuple[str, ...]) -> None:
    shop, url = served["shop"]
    for name in ("retrying", "failed", "done"):
        step = say("inspect", "steps", shop.runs[name], "--url", url).stdout.split("\t")[0]
        here = say("inspect", "step", step, "--run", shop.runs[name], "--world", shop.url, *more)
        assert here.exit_code == 0
        for run in ((), ("--run", shop.runs[name])):
            assert say("inspect", "step", step, *run, "--url", url, *more).stdout == here.stdout


def test_on_a_terminal(served: dict[str, Served]) -> None:
    shop, url = served["shop"]
    for watch in ((), ("--watch",)):
        told = on_terminal("inspect", "run", shop.runs["done"], *watch, "--url", url, NO_COLOR="1")
        assert re.search(r"^charge +█+ ", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inspect", "run", "wrun_" + "0" * 26), 3, "there is no such run"),
        (("inspect", "run", "x"), 3, "there is no such run"),
        (("inspect", "step", "step_" + "0" * 26), 3, "there is no such step"),
        (("inspect", "waits", "wrun_"), 2, "'wrun_' is the beginning of several runs"),
        (("inspect", "runs", "--cursor", "x"), 2, "'x' is no cursor of a list of runs"),
        (("logs", "wrun_" + "0" * 26, "-f"), 3, "there is no such run"),
    ],
)
def test_what_is_asked_wrongly(served: dict[str, Served], words: tuple[str, ...], code: int, said: str) -> None:
    url = served["shop"].url
    done = say(*words, "--url", url)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(f"perdure: {url.partition('/inspector')[0]}: {said}")


def test_who_may_look(served: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    url, _, token = served["shop"].url.partition("?token=")
    monkeypatch.setenv("PERDURE_TOKEN", token)
    assert say("inspect", "runs", "--url", url).exit_code == 0
    monkeypatch.setenv("PERDURE_TOKEN", "secret")
    done = say("inspect", "runs", "--url", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "another token" in done.stderr
    assert "secret" not in done.stderr


def test_more_than_are_given_at_once(served: dict[str, Served], monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote(Client(served["shop"].url))
    whole = remote.runs(Wanted(), (), Asked(5))
    monkeypatch.setattr(remotes, "PAGE", 2)
    assert remote.runs(Wanted(), (), Asked(5)) == whole
    assert whole.cursor is not None
    assert remote.runs(Wanted(), (), Asked(9)).cursor is None
    assert len(remote.runs(Wanted(), (), Asked(9)).items) == 6


def test_what_goes_on_is_followed(served: dict[str, Served]) -> None:
    """Till the run ends; that nobody serves it is told."""
    shop, url = served["diary"]
    command = [sys.executable, "-m", "perdure", "logs", shop.runs["open"], "--follow", "--url", url]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert [process.stdout.readline().split("\t")[6] for _ in range(2)] == [
                "noted 2 days", "running out of paper",
            ]  # fmt: skip
            say("cancel", shop.runs["open"], "--now", "--world", shop.url)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, stdout) == (0, "")
    assert stderr.startswith("the run waits for a worker that serves diary:days")


class Told(Client):
    """Answers all with one object."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: list[Any] = []
        self._told = told

    def get(self, path: Any, query: Any = ()) -> dict[str, Any]:
        self.asked.append((path, query))
        return self._told


STRANGERS: list[dict[str, Any]] = [
    {}, {"items": None, "cursor": None}, {"items": [1], "cursor": None}, {"items": [{}], "cursor": None},
    {"items": [], "cursor": 1}, {"items": {"a": 1}}, {"runId": 1, "hooks": 1},
]  # fmt: skip


@pytest.mark.parametrize("told", STRANGERS, ids=str)
def test_what_is_told_wrongly(told: dict[str, Any]) -> None:
    remote, asked = Remote(Told(told)), Asked(10)
    looks: list[Any] = [
        lambda: remote.runs(Wanted(), (), asked), lambda: remote.children("x", asked),
        lambda: remote.steps("x", Wanted(), (), asked), lambda: remote.events("x", asked),
        lambda: remote.hooks(None, asked), lambda: remote.waits("x", asked), lambda: remote.streams("x", asked),
        lambda: remote.workers(asked), lambda: remote.workflows(asked), lambda: remote.logs("x", Lines(), asked),
        lambda: remote.run("x"), lambda: remote.step("x", None, with_data=True),
    ]  # fmt: skip
    for look in looks:
        if told != {"items": [], "cursor": None}:
            with pytest.raises(InspectorUnusable, match=re.escape(STRANGE)):
                look()


def test_the_timeline_of_a_run_that_does_not_open_is_not_asked_for(served: dict[str, Served]) -> None:
    shop, url = served["shop"]
    told = msgspec.json.decode(say("inspect", "run", shop.runs["done"], "--url", url, "--json").stdout)
    client = Told({**told, "locked": True})
    assert Remote(client).run("wrun_1", with_timeline=True).timeline is None
    assert client.asked == [(["runs", "wrun_1"], [])]
