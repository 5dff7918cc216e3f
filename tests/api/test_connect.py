"""Which World a process uses: by configure, by the environment, by default; every bad one; close and loops' ends."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure import (
    KeysInvalid,
    Page,
    RunFailed,
    RunNotFound,
    SchemaTooNew,
    UsageError,
    WorldInvalid,
    close,
    configure,
    get_run,
    list_runs,
    sleep,
    start,
    workflow,
)
from perdure.api.connect import CONNECTION, retention_ms, telemetry, world_at
from perdure.engine import retention
from perdure.engine.telemetry import SILENT
from perdure.telemetry.telemetry import OpenTelemetry
from perdure.worlds.memory import MemoryWorld
from tests.api.following import waiting_for

pytestmark = pytest.mark.anyio


@workflow
async def greet(name: str) -> str:
    return f"hello {name}"


@workflow
async def sleeps() -> str:
    await sleep("1h")
    return "slept"


@workflow
async def fails() -> None:
    raise ValueError("over")


# -- keys

KEY = bytes(range(32))


async def current_key() -> str | None:
    keys = (await CONNECTION.engine()).keys
    return None if keys is None else keys.current


async def test_keys_are_those_of_configure_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_KEYS", f"env:{KEY.hex()}")
    configure(world="memory://", work=False, keys={"given": KEY})
    assert await current_key() == "given"
    await close()
    configure(world="memory://", work=False)
    assert await current_key() == "env"
    await close()
    monkeypatch.delenv("PERDURE_KEYS")
    configure(world="memory://", work=False)
    assert await current_key() is None


async def test_sealed_only_is_of_configure_or_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(world="memory://", work=False, keys={"k": KEY}, sealed_only=True)
    keys = (await CONNECTION.engine()).keys
    assert keys is not None
    assert keys.sealed_only
    await close()
    monkeypatch.setenv("PERDURE_KEYS", f"env:{KEY.hex()}")
    for value, only in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("PERDURE_SEALED_ONLY", value)
        configure(world="memory://", work=False)
        keys = (await CONNECTION.engine()).keys
        assert keys is not None
        assert keys.sealed_only is only
        await close()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PERDURE_KEYS": "short:abcd"}, "the key 'short' is 3 bytes: it takes 32 bytes"),
        ({"PERDURE_SEALED_ONLY": "1"}, "PERDURE_SEALED_ONLY needs PERDURE_KEYS"),
        ({"PERDURE_SEALED_ONLY": "yes"}, "PERDURE_SEALED_ONLY is neither 1 nor 0"),
    ],
)
async def test_an_environment_without_usable_keys(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    configure(world="memory://", work=False)
    with pytest.raises(KeysInvalid, match=reason):
        await list_runs()


async def test_keys_that_cannot_be_used_are_told_at_once() -> None:
    configure(world="memory://")
    with pytest.raises(KeysInvalid, match="the key 'k' is 5 bytes"):
        configure(keys={"k": b"12345"})
    with pytest.raises(KeysInvalid, match="sealed_only needs some"):
        configure(sealed_only=True)
    assert CONNECTION.url == "memory://", "nothing was changed"


# -- which


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "mysql://x",
            "'mysql://x' is no usable world: its kind 'mysql' is unknown; use sqlite:///path, postgresql://… or memory://",
        ),
        ("", "'' is no usable world: its kind '' is unknown; use sqlite:///path, postgresql://… or memory://"),
        (
            "sqlite://runs.db",
            "'sqlite://runs.db' is no usable world: write sqlite:///folder/file.db, "
            "or sqlite:////folder/file.db for an absolute path",
        ),
    ],
)
def test_a_url_of_an_unknown_kind(url: str, sentence: str) -> None:
    with pytest.raises(WorldInvalid) as caught:
        world_at(url)
    assert str(caught.value) == sentence
    with pytest.raises(WorldInvalid):
        configure(world=url)


async def test_a_refused_configure_changes_nothing() -> None:
    with pytest.raises(WorldInvalid):
        configure(world="mysql://x")
    assert await (await start(greet, "Ann")).result() == "hello Ann"
    assert CONNECTION.url == "memory://"


@pytest.mark.parametrize(
    ("retention", "outside", "kept_ms"),
    [
        (None, None, 0),
        (None, "", 0),
        (None, "2w", 14 * 86_400_000),
        ("30d", "2w", 30 * 86_400_000),
        (60, None, 60_000),
        (timedelta(hours=1), None, 3_600_000),
    ],
)
def test_how_long_runs_are_kept(
    retention: Any, outside: str | None, kept_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if outside is not None:
        monkeypatch.setenv("PERDURE_RETENTION", outside)
    configure(world="memory://", retention=retention)
    assert retention_ms() == kept_ms


@pytest.mark.parametrize(
    ("retention", "sentence"),
    [
        ("59s", "retention='59s' is less than a minute: a result is asked for after its run's end, so give more"),
        (0, "retention=0 is less than a minute: a result is asked for after its run's end, so give more"),
        (
            "for ever",
            "retention: 'for ever' is no duration: its units are not ms, s, m, h, d or w after a number; write seconds as a "
            "number, a text like '1h30m', a timedelta, or a datetime with a time zone",
        ),
    ],
)
def test_a_retention_that_is_none(retention: Any, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        configure(world="memory://", retention=retention)
    assert str(caught.value) == sentence
    monkeypatch.setenv("PERDURE_RETENTION", "soon")
    with pytest.raises(UsageError, match="PERDURE_RETENTION: 'soon' is no duration"):
        retention_ms()


async def test_a_worker_removes_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY_S", 0.0)
    configure(world="memory://", retention="1m")
    run = await start(greet, "Ann")
    assert await run.result() == "hello Ann"
    world = (await CONNECTION.engine()).world
    assert isinstance(world, MemoryWorld)
    now_ms = world.now_ms()
    monkeypatch.setattr(world.retention, "_clock", lambda: now_ms + 61_000)
    while True:
        try:
            await run.status()
        except RunNotFound:
            break
        await asyncio.sleep(0)
    assert await list_runs() == Page(items=(), cursor=None)


async def test_each_memory_world_is_a_new_store() -> None:
    run = await start(greet, "Ann")
    await run.result()
    await close()
    configure(world="memory://")
    assert (await list_runs()).items == ()


async def test_an_sqlite_world(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/folder/runs.db"
    configure(world=url)
    run = await start(greet, "Ann")
    assert await run.result() == "hello Ann"
    await close()
    configure(world=url)
    assert await get_run(run.run_id, str).result() == "hello Ann"
    assert (tmp_path / "folder" / "runs.db").stat().st_mode & 0o777 == 0o600


async def test_a_run_goes_on_in_the_next_connection(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    configure(world=url)
    run = await start(sleeps)
    await waiting_for(run, "sleep")
    await close()
    configure(world=url)
    await start(greet, "Ann")
    await run.wake_up()
    assert await run.result() == "slept"


async def test_a_folder_that_cant_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/runs.db"
    configure(world=url)
    with pytest.raises(WorldInvalid) as caught:
        await start(greet, "Ann")
    assert str(caught.value) == (
        f"{url!r} is no usable world: {tmp_path}/file/runs.db can't be opened for writing "
        "(a file is in the place of a folder): choose a file in a folder that this user may write"
    )


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("order,amount\n" * 1000)
    url = f"sqlite:///{tmp_path}/runs.db"
    configure(world=url)
    with pytest.raises(WorldInvalid) as caught:
        await start(greet, "Ann")
    assert str(caught.value) == (f"{url!r} is no usable world: the file is not a SQLite database: choose another path")
    assert (tmp_path / "runs.db").read_text().startswith("order,amount\n"), "it is left as it was"


async def test_a_file_of_a_newer_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/runs.db"
    configure(world=url)
    await (await start(greet, "Ann")).result()
    await close()
    with sqlite3.connect(tmp_path / "runs.db") as file:
        [known] = file.execute("PRAGMA user_version").fetchone()
        file.execute(f"PRAGMA user_version = {known + 1}")
    file.close()
    configure(world=url)
    with pytest.raises(SchemaTooNew) as caught:
        await start(greet, "Ann")
    assert str(caught.value) == (
        f"{url} has schema version {known + 1}, this perdure knows up to {known}: upgrade perdure in this process"
    )


SCRIPT = """
import asyncio, sys
from perdure import configure, start, workflow

@workflow
async def greet() -> str:
    return "hello"

async def main():
    if len(sys.argv) > 1:
        configure(world=sys.argv[1])
    print(await (await start(greet)).result())

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("arguments", "variable", "file"),
    [
        ([], None, ".perdure/perdure.db"),
        ([], "sqlite:///by-variable.db", "by-variable.db"),
        (["sqlite:///by-configure.db"], "sqlite:///by-variable.db", "by-configure.db"),
    ],
)
def test_configure_comes_before_the_variable_and_the_variable_before_the_default(
    arguments: list[str], variable: str | None, file: str, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(SCRIPT)
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    if variable is not None:
        environment["PERDURE_WORLD"] = variable
    done = subprocess.run(
        [sys.executable, "app.py", *arguments],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.db")}
    assert made == {file}


# -- in use, closing


async def test_configure_while_a_world_is_in_use() -> None:
    await (await start(greet, "Ann")).result()
    with pytest.raises(UsageError) as caught:
        configure(world="memory://")
    assert str(caught.value) == "configure was called while a world is in use: `await close()` first"


async def test_close_is_harmless_to_repeat() -> None:
    await close()
    await start(greet, "Ann")
    await close()
    await close()


async def test_close_lets_configure_follow() -> None:
    await start(sleeps)
    await close()
    configure(world="memory://")
    with pytest.raises(RunFailed):
        await (await start(fails)).result()


async def test_looking_starts_no_worker() -> None:
    configure(world="memory://")
    assert (await list_runs()).items == ()
    assert (await CONNECTION.engine()).worker is None
    await start(greet, "Ann")
    assert (await CONNECTION.engine()).worker is not None


async def test_without_work_a_start_starts_no_worker() -> None:
    configure(world="memory://", work=False)
    run = await start(greet, "Ann")
    assert (await CONNECTION.engine()).worker is None
    assert await run.status() == "pending"


def test_a_worker_ends_with_its_loop_and_the_next_loop_has_its_own() -> None:
    configure(world="memory://")

    async def first() -> Any:
        run = await start(sleeps)
        await waiting_for(run, "sleep")
        return run

    async def second(run: Any) -> Any:
        await run.wake_up()
        other = await start(greet, "Ann")
        return [await other.result(), await run.result()]

    run = asyncio.run(first())
    assert asyncio.run(second(run)) == ["hello Ann", "slept"]
    asyncio.run(close())


async def test_parallel_first_starts_share_one_worker() -> None:
    runs = await asyncio.gather(*(start(greet, str(n)) for n in range(10)))
    assert [await run.result() for run in runs] == [f"hello {n}" for n in range(10)]


class TestTelemetry:
    async def test_it_is_of_configure_or_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PERDURE_TELEMETRY", raising=False)
        assert telemetry() is SILENT
        monkeypatch.setenv("PERDURE_TELEMETRY", "1")
        assert isinstance(telemetry(), OpenTelemetry)
        configure(world="memory://", telemetry=False)
        assert telemetry() is SILENT
        monkeypatch.setenv("PERDURE_TELEMETRY", "0")
        configure(world="memory://", telemetry=True)
        assert isinstance(telemetry(), OpenTelemetry)
        assert (await CONNECTION.engine()).telemetry is telemetry()
        await close()
        configure(world="memory://")
        assert telemetry() is SILENT

    def test_a_variable_that_says_neither(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERDURE_TELEMETRY", "yes")
        with pytest.raises(UsageError) as caught:
            telemetry()
        assert str(caught.value) == "PERDURE_TELEMETRY is neither 1 nor 0"

    def test_where_opentelemetry_is_not_installed(self) -> None:
        """Nothing imports it until somebody asks for it, and then it is said what is missing."""
        program = (
            "import sys\n"
            "import perdure, perdure.sync, perdure.http\n"
            "assert not any(name.startswith('opentelemetry') for name in sys.modules)\n"
            "sys.modules['opentelemetry'] = None\n"
            "perdure.configure(world='memory://', telemetry=False)\n"
            "try:\n"
            "    perdure.configure(world='memory://', telemetry=True)\n"
            "except perdure.UsageError as error:\n"
            "    print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == (
            "telemetry=True needs OpenTelemetry, which isn't installed: `pip install 'perdure[otel]'`\n"
        )


async def test_a_setting_that_there_isnt() -> None:
    with pytest.raises(TypeError, match=r"^configure\(\) got an unexpected keyword argument 'wold'$"):
        configure(wold="memory://")  # type: ignore[call-arg]
