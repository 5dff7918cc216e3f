"""The plugin, in a pytest of its own: who runs what, and that nothing is loaded before a test asks."""

import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOWS = """
import sys
import pytest
from perdure import sleep, start, step, workflow

@step
async def greet(name: str) -> str:
    return f"hello {name}"

@workflow
async def hello(name: str) -> str:
    await sleep("7d")
    return await greet(name)
"""
ASYNC = """
async def test_async(lab):
    run = await start(hello, "Ann")
    await lab.advance("7d")
    assert await run.result() == "hello Ann"
    assert len(lab.calls(greet)) == 1
"""


def run(folder: Path, source: str, *options: str) -> str:
    """What pytest says of a file with this source: what comes last."""
    (folder / "test_it.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_it.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_async_tests_run_without_another_plugin(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, WORKFLOWS + ASYNC, "-p", "no:anyio")


def test_where_anyio_runs_them_it_does(tmp_path: Path) -> None:
    source = """
pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def begun(lab):
    yield await start(hello, "Bob")

async def test_with_an_async_fixture(begun, lab):
    await lab.advance("7d")
    assert await begun.result() == "hello Bob"
"""
    assert "2 passed" in run(tmp_path, WORKFLOWS + source + ASYNC)


def test_where_tests_share_a_loop_nothing_goes_on_behind_one(tmp_path: Path) -> None:
    source = """
import asyncio
pytestmark = pytest.mark.anyio

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module", autouse=True)
async def shared():
    yield

async def test_first(lab):
    await start(hello, "Ann")
    await lab.rest()

async def test_second():
    await asyncio.sleep(0.05)
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert [name for name in names if name.startswith(("Sweeper", "Rest", "LeaseKeeper", "_until"))] == []
"""
    assert "2 passed" in run(tmp_path, WORKFLOWS + source)


def test_sync_tests_and_methods(tmp_path: Path) -> None:
    source = """
from perdure import sync

def test_sync(lab):
    run = sync.start(hello, "Ann")
    lab.advance("7d")
    assert run.result() == "hello Ann"

class TestMethods:
    async def test_async(self, lab):
        assert await lab.bench.world.runs() == ()

    def test_sync(self, lab):
        assert sync.list_runs().page().items == ()
"""
    assert "3 passed" in run(tmp_path, WORKFLOWS + source)


def test_through_another_fixture_and_with_one_of_ones_own(tmp_path: Path) -> None:
    source = """
@pytest.fixture
def times(lab):
    return lab

async def test_through(times):
    run = await start(hello, "Ann")
    await times.advance("7d")
    assert await run.result() == "hello Ann"

class TestOverridden:
    @pytest.fixture
    def lab(self):
        return 7

    def test_sync(self, lab):
        assert lab == 7
"""
    assert "2 passed" in run(tmp_path, WORKFLOWS + source)


def test_failures_are_told_and_leave_nothing_behind(tmp_path: Path) -> None:
    source = """
async def test_fails(lab):
    await start(hello, "Ann")
    assert 1 == 2

async def test_stuck(lab):
    run = await start(hello, "Ann")
    await lab.wait_for_hook(run)

async def test_after(lab):
    assert await lab.bench.world.runs() == ()

def test_removed():
    from perdure.api.connect import CONNECTION
    assert CONNECTION.lab is None
"""
    said = run(tmp_path, WORKFLOWS + source)
    assert "2 failed, 2 passed" in said
    assert "E       assert 1 == 2" in said
    assert "doesn't come by itself: it is waiting for a sleep, until" in said


@pytest.mark.parametrize("options", [(), ("-p", "no:perdure")])
def test_nothing_is_loaded_before_a_test_asks(tmp_path: Path, options: tuple[str, ...]) -> None:
    source = (
        "import sys\n\ndef test_it():\n    assert [name for name in sys.modules if name.startswith('perdure.')] == []\n"
    )
    assert "1 passed" in run(tmp_path, source, *options)


def test_without_it_there_is_no_fixture(tmp_path: Path) -> None:
    assert "fixture 'lab' not found" in run(tmp_path, "def test_it(lab): ...\n", "-p", "no:perdure")
