"""`perdure check --against`: histories and worlds, today's code, and what the shell is told."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

BEFORE = """
from perdure import sleep, step, workflow

@step
async def charge(order: str) -> str:
    open("charged", "a").write(order)
    return order

@step
async def screen(order: str) -> None: ...

@workflow
async def fulfil(order: str) -> str:
    await charge(order)
    await sleep("1h")
    return order
"""
AFTER = BEFORE.replace(
    "    await charge(order)\n    await", "    await screen(order)\n    await charge(order)\n    await"
)
GUARDED = AFTER.replace("    await screen", "    if patched('screen'):\n        await screen")
GUARDED = GUARDED.replace("import sleep", "import patched, sleep")
BEGIN = """
import asyncio, sys
from app import fulfil
from perdure import close, configure, start, worker
configure(world="sqlite:///runs.db", work=False)

async def main():
    async with worker():
        for order in ("a", "b"):
            run = await start(fulfil, order)
            while not (await run.waits()).items:
                await asyncio.sleep(0.01)
            print(run.run_id)
    await close()

asyncio.run(main())
"""
WORLD = "sqlite:///runs.db"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def check(folder: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """What the gate says where this is today's code."""
    (folder / "app.py").write_text(code)
    return run(folder, "-B", "-m", "perdure", "check", "app", *options)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a world in which two runs of the old code sleep, and the history of one of them."""
    folder = tmp_path_factory.mktemp("against")
    (folder / "app.py").write_text(BEFORE)
    (folder / "begin.py").write_text(BEGIN)
    first, _ = run(folder, "-B", "begin.py").stdout.split()
    (folder / "histories").mkdir()
    exported = run(folder, "-m", "perdure", "export", first, "--world", WORLD, "--output", "histories/fulfil.jsonl")
    assert exported.returncode == 0, exported.stderr
    return folder


@pytest.mark.parametrize("against", [WORLD, "runs.db", "histories", "histories/fulfil.jsonl"])
def test_a_change_that_breaks_is_found_and_one_that_does_not_passes(shop: Path, against: str) -> None:
    count = 2 if against.endswith(".db") else 1
    broken = check(shop, AFTER, "--against", against)
    assert broken.returncode == 1
    assert broken.stdout.startswith(
        f'diverges      {count}  app:fulfil at event 3: recorded is step app:charge({{"order":"'
    )
    assert f"attempted at {shop}/app.py:14 is step app:screen(" in broken.stdout
    assert broken.stderr == f"0 fits, {count} diverges, 0 unknown\n"
    for code in (BEFORE, GUARDED):
        done = check(shop, code, "--against", against)
        assert (done.returncode, done.stderr) == (0, f"{count} fits, 0 diverges, 0 unknown\n"), done.stdout
    assert (shop / "charged").read_text() == "ab", "no step is run"


def test_what_bodies_say_is_said_once_in_the_report(shop: Path) -> None:
    done = check(
        shop,
        BEFORE.replace("    await charge", "    open('x')  # perdure: ignore\n    await charge"),
        "--against",
        WORLD,
    )
    assert (done.returncode, done.stderr) == (1, "0 fits, 2 diverges, 0 unknown\n")
    assert "DeterminismError: opening a file ('x') in a workflow's body" in done.stdout


def test_as_json_and_as_markdown(shop: Path) -> None:
    shown: dict[str, Any] = msgspec.json.decode(check(shop, AFTER, "--against", "histories", "--json").stdout)
    assert (shown["diverges"], shown["cursor"]) == (1, None)
    [group] = shown["items"]
    assert (group["runs"][0]["subject"], group["runs"][0]["event"]) == ("histories/fulfil.jsonl", 3)
    assert (group["runs"][0]["turn"], group["runs"][0]["change"]) == (0, "added")
    report = check(shop, AFTER, "--against", "histories", "--md")
    assert report.stdout.startswith("# Deploy gate: failed\n") and report.returncode == 1


def test_what_is_not_known_fails(shop: Path) -> None:
    done = check(shop, BEFORE.replace("def fulfil", "def fill"), "--against", "histories")
    assert done.returncode == 1
    assert done.stdout.startswith("unknown       1  app:fulfil: today's code has no such workflow")
    limited = check(shop, BEFORE, "--against", WORLD, "--limit", "1")
    assert (limited.returncode, limited.stderr) == (1, "1 fits, 0 diverges, 0 unknown; 1 more were not looked at\n")


def test_a_history_that_cannot_be_read_is_told_beside_the_others(shop: Path, tmp_path: Path) -> None:
    good = (shop / "histories" / "fulfil.jsonl").read_text()
    (tmp_path / "a.jsonl").write_text(good)
    (tmp_path / "newer.jsonl").write_text(good.replace('"perdureHistory":1', '"perdureHistory":9'))
    (tmp_path / "notes.txt").write_text("not looked at")
    done = check(shop, BEFORE, "--against", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "1 fits, 0 diverges, 1 unknown\n")
    assert "it is of format 9, this perdure knows up to 1: upgrade perdure here" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (
            ("--against", "nowhere"),
            2,
            "there is no folder or file nowhere: give one with histories, a world's file, or the URL of a world",
        ),
        (("--against", "."), 2, ""),
        (
            ("--against", "empty"),
            2,
            "empty holds no histories: `perdure export RUN --output empty/NAME.jsonl` writes one",
        ),
        (("--against", "sqlite:///nowhere.db"), 4, "is no usable world"),
        (("--md",), 2, "--md is for --against"),
    ],
)
def test_bad_input(tmp_path: Path, options: tuple[str, ...], code: int, sentence: str) -> None:
    (tmp_path / "empty").mkdir()
    done = check(tmp_path, BEFORE, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr


def test_a_module_that_cannot_be_imported(tmp_path: Path) -> None:
    done = check(tmp_path, "import nothing_of_that_name\n", "--against", ".")
    assert done.returncode == 2
    assert "app can't be imported: ModuleNotFoundError" in done.stderr
    done = check(tmp_path, "x = 1\n", "--against", ".")
    assert (done.returncode, done.stderr.startswith("perdure: app defines no workflow")) == (2, True)
