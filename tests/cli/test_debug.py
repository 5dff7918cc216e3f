"""`perdure debug`: at a real terminal, in a pipe, and for scripts."""

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli import shop as shops
from tests.cli.shop import Shop, say

SHOP = "tests.cli.shop"
PATIENCE_S = 30.0


class Terminal:
    """A session at a real terminal."""

    def __init__(self, *words: str) -> None:
        self._leader, follower = os.openpty()
        self._text = ""
        environment = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perdure", "debug", *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=environment,
            start_new_session=True,
        )
        os.close(follower)

    def type(self, line: str) -> str:
        """What is said to it, up to the next prompt, without the echo."""
        os.write(self._leader, f"{line}\n".encode())
        return self.read().partition("\n")[2]

    def read(self) -> str:
        """Up to a prompt, or the end."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"\(event \d+\) (?=[^\n]*\Z)", self._text)):
            ready, _, _ = select.select([self._leader], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"nothing more came than {self._text!r}"
            try:
                part = os.read(self._leader, 65536)
            except OSError:  # nobody has it open any more
                part = b""
            if not part:
                break
            self._text += part.decode().replace("\r\n", "\n")
        text, self._text = self._text, ""
        return text[: found.start()] if found else text

    def close(self) -> int:
        os.close(self._leader)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workflows' names don't begin with their module: it is where `shop` would be imported from."""
    monkeypatch.setitem(sys.modules, "shop", shops)


def test_at_a_terminal(shop: Shop) -> None:
    terminal = Terminal(shop.runs["done"], SHOP)
    try:
        said = terminal.read()
        assert "event 6 of 6, run_completed: the body has ended: its result is " in said
        assert '-> return {"order": order, "charge": await charge(order)}\n' in said
        assert "event 5 of 6, step_completed 0/step:shop:charge#0" in terminal.type("goto 5")
        assert terminal.type("p order") == "'o-1'\n"
        assert "event 4 of 6, step_created 0/step:shop:charge#0: the body asks for it here" in terminal.type("back")
        assert "event 5 of 6" in terminal.type("next event")
        assert "*** SyntaxError" in terminal.type("p (")
        assert terminal.type("!print('\\x1b[2J')").startswith("\x1b"), "it was told to"
        assert "\\x1b[2J" in terminal.type("!raise ValueError('\\x1b[2J')")
        assert terminal.type("quit") == ""
    finally:
        code = terminal.close()
    assert code == 0


def test_in_a_pipe(shop: Shop) -> None:
    root = Path(__file__).parents[2]
    done = run(
        root,
        "-m",
        "perdure",
        "debug",
        shop.runs["failed"],
        SHOP,
        "--event",
        "5",
        "--world",
        shop.url,
        typed="p order\nback\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "step_failed 0/step:shop:charge#0: it raises perdure.errors.FatalError: no such card\n" in done.stdout
    assert "(event 5) 'bad'\n" in done.stdout
    assert "(event 5) event 4 of 6, step_created" in done.stdout


def test_for_scripts(shop: Shop) -> None:
    done = say("debug", shop.runs["asleep"], SHOP, "--print")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = Path(shops.__file__).read_text().splitlines()
    line = next(number for number, line in enumerate(lines, 1) if "await sleep(hours" in line)
    assert done.stdout == (
        "event 3 of 3, wait_created 0/sleep#0: the body waits\n"
        f"{shops.__file__}:{line} remind\n-> await sleep(hours * 3600)\n   hours = 2\n"
    )
    done = say("debug", shop.runs["asleep"], SHOP, "--event", "2", "--json")
    shown: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert (shown["runId"], shown["event"]["seq"], shown["state"]) == (shop.runs["asleep"], 2, "goes on")
    assert shown["tasks"][0]["frames"][0]["locals"] == {"hours": "2"}


def test_a_history(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    say("export", shop.runs["done"], "--output", "done.jsonl")
    monkeypatch.setenv("PERDURE_WORLD", "sqlite:///nowhere.db")
    done = say("debug", "done.jsonl", SHOP, "--event", "5", "--print")
    assert done.exit_code == 0 and "   order = 'o-1'\n" in done.stdout
    (folder / "bad.jsonl").write_text("{}\n")
    failed = say("debug", "bad.jsonl", SHOP)
    assert (failed.exit_code, failed.stderr) == (
        2, "perdure: bad.jsonl holds no history that can be read here: its first line is none that `perdure export` writes\n"
    )  # fmt: skip
    assert "none.jsonl can't be read: No such file" in say("debug", "none.jsonl", SHOP).stderr


@pytest.mark.usefixtures("by_name")
def test_the_module_that_a_workflow_is_named_by(shop: Shop) -> None:
    assert say("debug", shop.runs["asleep"], "--print").exit_code == 0


CODE = """
from perdure import step, workflow

print("imported")

@step
async def charge(order: str) -> str:
    open("charged", "a").write(order)
    return order * 3

@workflow
async def fulfil(order: str) -> str:
    print("the body runs")
    done = await charge(order)
    return await charge(done)
"""
RUN = """
import asyncio
from app import fulfil
from perdure import close, configure, start
configure(world="sqlite:///runs.db")

async def main():
    run = await start(fulfil, "a")
    await run.result()
    print(run.run_id)
    await close()

asyncio.run(main())
"""


def run(folder: Path, *command: str, typed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    return subprocess.run(
        [sys.executable, "-B", *command],
        cwd=folder,
        env={**environment, "PERDURE_WORLD": "sqlite:///runs.db", **variables},
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_code_that_fits_no_longer_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE)
    (tmp_path / "begin.py").write_text(RUN)
    run_id = run(tmp_path, "begin.py").stdout.split()[-1]
    exported = run(tmp_path, "-m", "perdure", "export", run_id).stdout
    shown = run(tmp_path, "-m", "perdure", "debug", run_id, "--event", "4", "--json")
    assert (shown.returncode, "the body runs\n" in shown.stderr) == (0, True)
    assert msgspec.json.decode(shown.stdout)["divergence"] is None
    (tmp_path / "app.py").write_text(CODE.replace("charge(done)", 'charge(done + "!")'))
    shown = run(tmp_path, "-m", "perdure", "debug", run_id, "--json")
    seen: dict[str, Any] = msgspec.json.decode(shown.stdout)
    assert (shown.returncode, seen["state"], seen["event"]["seq"]) == (1, "diverges", 4)
    assert seen["divergence"] == {
        "event": 5, "turn": 1, "recorded": 'step app:charge({"order":"aaa"})',
        "attempted": 'step app:charge({"order":"aaa!"})', "line": f"{tmp_path}/app.py:15",
    }  # fmt: skip
    assert seen["tasks"][0]["frames"][0]["locals"] == {"order": "'a'", "done": "'aaa'"}
    assert run(tmp_path, "-m", "perdure", "debug", run_id, "--event", "4", "--print").returncode == 0, "just before"
    assert (tmp_path / "charged").read_text() == "aaaa", "no step is run"
    assert run(tmp_path, "-m", "perdure", "export", run_id).stdout == exported


def test_what_cannot_be(shop: Shop, folder: Path) -> None:
    asleep = shop.runs["asleep"]
    (folder / "broken.py").write_text("1 / 0\n")
    (folder / "other.py").write_text("from perdure import workflow\n\n@workflow\nasync def other() -> None: ...\n")
    for words, code, said in (
        (("wrun_" + "0" * 26, SHOP), 3, "there is no run wrun_0"),
        (("anything", SHOP), 3, "anything"),
        ((asleep, SHOP, "--event", "4"), 2, f"run {asleep} has the events 1 to 3, and no event 4"),
        ((asleep, SHOP, "--event", "0"), 2, "Invalid value for '--event'"),
        ((asleep, "no_such"), 2, "there is no module no_such"),
        ((asleep, "broken"), 2, "broken can't be imported: ZeroDivisionError"),
        ((asleep,), 2, "there is no module shop, neither in"),
        ((shop.runs["delayed"], SHOP), 2, "hasn't begun: there is nothing of its body to see yet"),
    ):
        for form in ((), ("--print",)):
            failed = say("debug", *words, *form)
            assert (failed.exit_code, failed.stdout) == (code, ""), words
            assert said in failed.stderr, words
    done = say("debug", asleep, SHOP, "--world", "sqlite:///nowhere.db")
    assert (done.exit_code, done.stdout) == (4, "")


def test_what_is_sealed_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE)
    (tmp_path / "begin.py").write_text(RUN)
    keys = f"k1:{'A' * 43}="
    run_id = run(tmp_path, "begin.py", PERDURE_KEYS=keys).stdout.split()[-1]
    locked = run(tmp_path, "-m", "perdure", "debug", run_id, "--print")
    assert (locked.returncode, locked.stdout) == (2, "")
    assert "it is sealed with the key 'k1', which this process doesn't have" in locked.stderr
    opened = run(tmp_path, "-m", "perdure", "debug", run_id, "--print", "--event", "4", PERDURE_KEYS=keys)
    assert (opened.returncode, "   done = 'aaa'\n" in opened.stdout) == (0, True)
