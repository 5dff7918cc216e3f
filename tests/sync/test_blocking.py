"""From a name that awaits to one that blocks; and where that is refused."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    NotInStep,
    NotInWorkflow,
    Retry,
    UsageError,
    configure,
    find_run,
    get_run,
    get_step_metadata,
    heartbeat,
    list_runs,
    set_attributes,
    start,
    step,
    worker,
    workflow,
)
from perdure.sync.blocking import each
from tests.sync.program import asleep, background_threads, doubles, refusal, sleeps, wait_until


@step(retry=Retry(delay=0.001))
def makes_progress() -> list[Any]:
    here = threading.current_thread().name
    found = get_step_metadata()
    if found.attempt == 1:
        heartbeat({"done": 1})
        set_attributes(thread=here.rpartition("_")[0], old=None)
        raise ValueError("half way")
    return [found.progress, background_threads() == [], here.startswith("perdure-step")]


@workflow
async def progresses() -> list[Any]:
    return await makes_progress()


def test_heartbeat_and_attributes_in_a_sync_step() -> None:
    run = start(progresses)
    assert run.result() == [{"done": 1}, False, True]
    assert run.info().attributes == {"thread": "perdure-step"}


def test_in_the_worker_of_another_loop_they_need_no_background_loop() -> None:
    sync.close()
    configure(world="memory://")

    async def main() -> list[Any]:
        result = await (await perdure.start(progresses)).result()
        await perdure.close()
        return result

    assert asyncio.run(main()) == [{"done": 1}, True, True]


def test_outside_of_a_run_they_say_so() -> None:
    with pytest.raises(NotInStep):
        heartbeat()
    with pytest.raises(NotInWorkflow):
        set_attributes(phase="x")


def test_an_explicit_worker() -> None:
    sync.close()
    configure(world="memory://", work=False)
    run = start(sleeps)
    assert run.status() == "pending"
    with worker(concurrency=3):
        wait_until(lambda: asleep(run))
        run.wake_up()
        assert run.result() == "slept"
    with pytest.raises(ValueError, match="mine"), worker():
        raise ValueError("mine")
    with pytest.raises(UsageError, match="concurrency=0"), worker(concurrency=0):
        pass


REQUEST = perdure.WebhookRequest(method="GET", url="/")
USES: dict[str, Callable[[], Any]] = {
    "start": lambda: start(doubles, 1),
    "sleep": lambda: sync.sleep(1),
    "find_run": lambda: find_run("key"),
    "heartbeat": heartbeat,
    "set_attributes": lambda: set_attributes(phase="x"),
    "close": sync.close,
    "Run.result": lambda: get_run("wrun_" + "0" * 26).result(),
    "Run.stream_info": lambda: get_run("wrun_" + "0" * 26).stream_info(),
    "Run.readable": lambda: list(get_run("wrun_" + "0" * 26).readable()),
    "Run.read_chunks": lambda: list(get_run("wrun_" + "0" * 26).read_chunks()),
    "Run.hooks": lambda: list(get_run("wrun_" + "0" * 26).hooks()),
    "Run.streams": lambda: get_run("wrun_" + "0" * 26).streams().page(),
    "resume_hook": lambda: sync.resume_hook("token"),
    "get_hook": lambda: sync.get_hook("token"),
    "HookDefinition.get": lambda: sync.define_hook(prefix="refused").get("key"),
    "HookDefinition.resume": lambda: sync.define_hook(prefix="refused").resume("key", 1),
    "WebhookRequest.respond_with": lambda: sync.WebhookRequest(REQUEST).respond_with(perdure.WebhookResponse()),
    "Run.rerun": lambda: get_run("wrun_" + "0" * 26).rerun(),
    "Run.fork": lambda: get_run("wrun_" + "0" * 26).fork("double"),
    "Run.events": lambda: list(get_run("wrun_" + "0" * 26).events()),
    "list_runs": lambda: list_runs().page(),
    "as_completed": lambda: sync.as_completed([]),
    "worker": lambda: worker().__enter__(),
}


@pytest.mark.parametrize("name", [*USES])
def test_inside_a_running_loop_it_is_refused(name: str) -> None:
    async def main() -> None:
        USES[name]()

    with pytest.raises(UsageError) as caught:
        asyncio.run(main())
    assert str(caught.value) == refusal(name)


@workflow
async def blocks_in_its_body() -> str:
    try:
        sync.sleep("1h")
    except UsageError as error:
        return str(error)
    return "slept"


def test_in_a_workflows_body_it_is_refused() -> None:
    assert start(blocks_in_its_body).result() == refusal("sleep")


@step
async def blocks_in_an_async_step() -> str:
    try:
        heartbeat()
    except UsageError as error:
        return str(error)
    return "beaten"


@workflow
async def calls_one_that_blocks() -> str:
    return await blocks_in_an_async_step()


def test_in_an_async_step_it_is_refused() -> None:
    assert start(calls_one_that_blocks).result() == refusal("heartbeat")


# -- iterators


class Numbers:
    """Counts, and tells when it is put away."""

    def __init__(self) -> None:
        self.put_away = threading.Event()
        self.loops: set[asyncio.AbstractEventLoop] = set()

    async def count(self) -> AsyncIterator[int]:
        try:
            for n in range(1000):
                self.loops.add(asyncio.get_running_loop())
                yield n
        finally:
            self.put_away.set()


def test_an_iterator_that_is_left_is_put_away() -> None:
    numbers = Numbers()
    for n in each("numbers", numbers.count()):
        if n == 3:
            break
    assert numbers.put_away.wait(20)
    assert len(numbers.loops) == 1


def test_an_iterator_that_is_collected_where_a_loop_runs_is_put_away() -> None:
    numbers = Numbers()
    iterator = each("numbers", numbers.count())
    assert next(iterator) == 0

    async def main() -> None:
        nonlocal iterator
        del iterator

    asyncio.run(main())
    assert numbers.put_away.wait(20)


def test_an_iterator_outlived_by_none_of_its_loop_says_so() -> None:
    numbers = each("numbers", Numbers().count())
    assert next(numbers) == 0
    sync.close()
    with pytest.raises(perdure.WorldUnavailable) as caught:
        next(numbers)
    assert str(caught.value) == (
        "the world can't be reached: the event loop that carried perdure.sync.numbers has ended"
    )


def test_what_an_iterator_raises_comes_through() -> None:
    async def breaks() -> AsyncIterator[int]:
        yield 1
        raise ValueError("broken")

    numbers = each("numbers", breaks())
    assert next(numbers) == 1
    with pytest.raises(ValueError, match="broken"):
        next(numbers)
    with pytest.raises(StopIteration):
        next(numbers)
