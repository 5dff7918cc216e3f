"""What steps log is kept where it is asked for; and a filter says which run a line belongs to."""

import asyncio
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import apsw
import pytest

import perdure
from perdure import (
    DefinitionInvalid,
    LogFilter,
    Retry,
    Run,
    RunCancelled,
    UsageError,
    close,
    configure,
    get_connection,
    get_run,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.api.connect import CONNECTION, log_level
from perdure.api.log import level_of
from perdure.codec.keyring import SEALED
from perdure.inspector.log import LogLine, Wanted, list_logs
from perdure.inspector.page import Asked
from perdure.model.ids import RunId
from perdure.model.log import LOG, NEVER
from tests.api.following import until, waiting_for

pytestmark = pytest.mark.anyio

app = logging.getLogger("tests.log")
HERE = __name__
failing: list[bool] = []


@pytest.fixture(autouse=True)
def everything_is_let_through() -> Iterator[None]:
    app.setLevel(logging.DEBUG)
    yield
    app.setLevel(logging.NOTSET)


@step(capture_logs=True, retry=Retry(max_retries=1, delay=0.001))
async def charges(order: str) -> str:
    app.debug("not asked for")
    app.info("charging %s", order)
    await asyncio.sleep(0)
    if failing and failing.pop():
        app.error("the provider is down")
        raise ConnectionError("down")
    app.info("charged")
    return order


@step(capture_logs="WARNING")
def renders(order: str) -> str:
    app.info("not asked for")
    try:
        raise ValueError("no font")
    except ValueError:
        app.exception("rendering %s", order)
    return order


@step(capture_logs=False)
async def whispers() -> None:
    app.critical("for nobody")


@step
async def speaks() -> None:
    app.warning("as configured")


@step(capture_logs=True)
async def waits() -> None:
    try:
        app.info("waiting")
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        app.info("cleaning up")
        raise


@workflow
async def fulfils(order: str) -> str:
    app.info("in the body")
    return await renders(await charges(order))


@workflow
async def talks() -> None:
    await whispers()
    await speaks()


@workflow
async def lingers() -> None:
    try:
        await waits()
    finally:
        await charges("the fee")


async def lines(run: Run[Any], **wanted: Any) -> list[LogLine]:
    page = await list_logs(await CONNECTION.engine(), run.run_id, Wanted(**wanted), Asked(100))
    assert page.cursor is None
    return list(page.items)


async def told(run: Run[Any]) -> list[tuple[str, int, str, str]]:
    return [(line.step.rpartition(":")[2], line.attempt, line.level, line.message) for line in await lines(run)]


async def test_what_each_attempt_logs() -> None:
    failing[:] = [True]
    run = await start(fulfils, "o-1")
    assert await run.result() == "o-1"
    assert await told(run) == [
        ("charges", 1, "INFO", "charging o-1"),
        ("charges", 1, "ERROR", "the provider is down"),
        ("charges", 2, "INFO", "charging o-1"),
        ("charges", 2, "INFO", "charged"),
        ("renders", 1, "ERROR", "rendering o-1"),
    ]
    assert [line.step_id for line in await lines(run, step="renders")] == [
        each.step_id async for each in run.steps() if each.name.endswith("renders")
    ]
    last = (await lines(run))[-1]
    assert last.exception is not None
    assert last.exception.endswith("ValueError: no font")
    assert [stream.namespace async for stream in run.streams()] == [], "it isn't the user's stream"


async def test_a_step_says_more_than_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = await start(talks)
    await quiet.result()
    assert await told(quiet) == []
    await close()
    configure(world="memory://", capture_logs="INFO")
    run = await start(talks)
    await run.result()
    assert await told(run) == [("speaks", 1, "WARNING", "as configured")]
    await close()
    for level, count in (("ERROR", 0), ("WARNING", 1)):
        monkeypatch.setenv("PERDURE_CAPTURE_LOGS", level)
        configure(world="memory://", work=False)
        run = await start(talks)
        async with worker():
            await run.result()
            assert len(await told(run)) == count
        await close()


async def test_what_a_step_logs_while_it_is_cancelled() -> None:
    run = await start(lingers)

    async def begun() -> bool:
        return bool(await lines(run))

    await until(begun)
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert [line.message for line in await lines(run)] == ["waiting", "cleaning up", "charging the fee", "charged"]


async def test_lines_are_sealed_where_there_are_keys() -> None:
    configure(world="memory://", keys={"k": b"k" * 32})
    run = await start(fulfils, "o-1")
    await run.result()
    assert len(await told(run)) == 3
    page = await (await CONNECTION.engine()).world.streams.read(RunId(run.run_id), LOG, 0, 10)
    assert page is not None
    assert {chunk.data[:1] for chunk in page.chunks} == {SEALED}


@step(queue="gpu", capture_logs=True)
async def embeds() -> None:
    app.info("on the gpu")


@workflow
async def looks_up() -> None:
    await embeds()


async def test_a_step_in_a_queue_logs_to_its_run() -> None:
    configure(world="memory://", work=False)
    async with worker(queues=("default", "gpu")):
        run = await start(looks_up)
        await run.result()
        assert await told(run) == [("embeds", 1, "INFO", "on the gpu")]


@step(transaction=True, capture_logs=True, retry=Retry(max_retries=1, delay=0.001))
def pays() -> None:
    connection = get_connection()
    connection.execute("INSERT INTO paid VALUES (1)")
    app.info("paying")
    if failing.pop():
        raise ConnectionError("down")


@workflow
async def settles() -> None:
    await pays()


async def test_lines_outlive_a_transaction_that_is_rolled_back(fresh_world: None, tmp_path: Path) -> None:
    failing[:] = [False, True]
    await close()
    configure(world=f"sqlite:///{tmp_path}/runs.db")
    await perdure.list_runs()
    make_table(tmp_path / "runs.db")
    run = await start(settles)
    await run.result()
    assert [attempt for _, attempt, _, _ in await told(run)] == [1, 2]
    await close()


def make_table(file: Path) -> None:
    connection = apsw.Connection(str(file))
    connection.execute("CREATE TABLE paid (n)")
    connection.close()


class TestWhatIsAskedFor:
    """`capture_logs`."""

    @pytest.mark.parametrize(
        ("given", "level"), [(True, 20), ("INFO", 20), (False, NEVER), ("DEBUG", 10), ("CRITICAL", 50)]
    )
    async def test_levels(self, given: Any, level: int) -> None:
        assert level_of(given) == level

    @pytest.mark.parametrize("given", ["info", "", 20, None, "LOUD"])
    async def test_what_is_no_level(self, given: Any) -> None:
        with pytest.raises(
            ValueError, match=r"^capture_logs=.* is no level: give DEBUG, INFO, WARNING, ERROR, CRITICAL"
        ):
            level_of(given)

    async def test_of_a_step(self) -> None:
        with pytest.raises(DefinitionInvalid, match="capture_logs='info' is no level"):
            step(capture_logs="info")  # type: ignore[call-overload]

    async def test_of_a_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match=r"^capture_logs='loud' is no level"):
            configure(world="memory://", capture_logs="loud")  # type: ignore[arg-type]
        monkeypatch.setenv("PERDURE_CAPTURE_LOGS", "loud")
        with pytest.raises(UsageError, match=r"^PERDURE_CAPTURE_LOGS: capture_logs='loud' is no level"):
            log_level()
        configure(world="memory://", capture_logs=False)
        assert log_level() == NEVER

    async def test_an_option_that_there_isnt(self) -> None:
        with pytest.raises(TypeError, match=r"^step\(\) got an unexpected keyword argument 'log'$"):
            step(log=True)  # type: ignore[call-overload]


class TestFilter:
    """`LogFilter`: which run a line belongs to, and none of a replay."""

    FORM = "%(workflow)s|%(run_id)s|%(step_name)s|%(step_id)s|%(attempt)s|%(message)s"

    @pytest.fixture
    def said(self) -> Iterator[StringIO]:
        stream = StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter(self.FORM))
        handler.addFilter(LogFilter())
        app.addHandler(handler)
        yield stream
        app.removeHandler(handler)

    async def test_where_a_line_was_logged(self, said: StringIO) -> None:
        app.info("outside")
        run = await start(fulfils, "o-1")
        await run.result()
        ids = {each.name.rpartition(":")[2]: each.step_id async for each in run.steps()}
        where = f"{HERE}:fulfils|{run.run_id}"
        first, body, *_, rendering = [line for line in said.getvalue().splitlines() if "|" in line]
        assert first == "||||0|outside"
        assert body == f"{where}|||0|in the body"
        assert f"{where}|{HERE}:charges|{ids['charges']}|1|charged" in said.getvalue()
        assert rendering == f"{where}|{HERE}:renders|{ids['renders']}|1|rendering o-1"

    async def test_a_replay_is_quiet(self, said: StringIO) -> None:
        configure(world="memory://", work=False)
        async with worker():
            run = await start(returns, 1)
            await waiting_for(run, "sleep")
        async with worker():
            await get_run(run.run_id).wake_up()
            await run.result()
        assert [line.rpartition("|")[2] for line in said.getvalue().splitlines()] == ["leaving", "stepping", "back"]

    async def test_what_others_log_in_the_meantime_is_let_through(self, said: StringIO) -> None:
        run = await start(returns, 0)

        async def ended() -> bool:
            app.info("outside")
            return await run.status() == "completed"

        await until(ended)
        assert "||||0|outside" in said.getvalue()


@step
async def steps() -> None:
    app.info("stepping")


@workflow
async def returns(days: int) -> None:
    app.info("leaving")
    await steps()
    await sleep(f"{days}d")
    app.info("back")
