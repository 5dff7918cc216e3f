"""What a step may end in, however strange: it is its own outcome, and neither the worker's nor the run's end."""

import asyncio
from typing import Any

import pytest

from perdure import (
    FatalError,
    RemoteError,
    RunFailed,
    StepNotRegistered,
    get_run,
    start,
    step,
    workflow,
)
from perdure.engine.registry import REGISTRY

pytestmark = pytest.mark.anyio


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Unrecordable(Exception):
    """Its arguments have no encoding."""

    def __init__(self) -> None:
        super().__init__(object())


def recurse(n: int) -> int:
    return recurse(n + 1) + 1


def misbehave(how: str) -> None:
    if how == "recursion":
        recurse(0)
    if how == "stop":
        raise StopAsyncIteration
    hostile: dict[str, BaseException] = {
        "unprintable": Unprintable(),
        "unrecordable": Unrecordable(),
        "cancelled": asyncio.CancelledError("by itself"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "base": BaseException("base"),
        "generator": GeneratorExit(),
        "surrogate": ValueError("\ud800"),
        "empty": ValueError(),
    }
    raise hostile[how]


@step(max_retries=0)
async def hostile_step(how: str) -> None:
    misbehave(how)


@step(max_retries=0)
def hostile_sync_step(how: str) -> None:
    misbehave(how)


@workflow
async def survives(how: str, sync: bool) -> list[str]:
    try:
        await (hostile_sync_step(how) if sync else hostile_step(how))
    except Exception as error:
        name = error.type_name.rpartition(":")[2] if isinstance(error, RemoteError) else ""
        return [type(error).__name__, name]
    return ["nothing"]


ENDINGS = [
    ("recursion", ["RecursionError", ""]),
    ("unprintable", ["Unprintable", ""]),
    ("unrecordable", ["Unrecordable", ""]),
    ("cancelled", ["RemoteError", "CancelledError"]),
    ("exit", ["RemoteError", "SystemExit"]),
    ("interrupt", ["RemoteError", "KeyboardInterrupt"]),
    ("base", ["RemoteError", "BaseException"]),
    ("generator", ["RemoteError", "GeneratorExit"]),
    ("surrogate", ["ValueError", ""]),
    ("empty", ["ValueError", ""]),
    ("stop", ["StopAsyncIteration", ""]),
]


@pytest.mark.parametrize(("how", "caught"), ENDINGS)
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
async def test_a_hostile_step(how: str, caught: list[str], sync: bool) -> None:
    """The workflow catches it as an Exception; the worker goes on."""
    assert await (await start(survives, how, sync)).result(timeout="20s") == caught
    assert await (await start(survives, "empty", sync)).result(timeout="20s") == ["ValueError", ""]


@step(max_retries=0)
def stops_iteration() -> None:
    raise StopIteration("at the end")


@workflow
async def iterates() -> list[str]:
    try:
        await stops_iteration()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["nothing"]


async def test_a_sync_step_that_raises_stop_iteration() -> None:
    """asyncio can't carry one."""
    found = await (await start(iterates)).result(timeout="20s")
    assert found == ["RuntimeError", f"step {__name__}:stops_iteration raised StopIteration"]


def foreign_error() -> type[Exception]:
    return type("ForeignError", (Exception,), {"__module__": "elsewhere"})


@step(max_retries=0)
async def raises_foreign() -> None:
    raise foreign_error()("from afar")


@workflow
async def catches_foreign() -> list[Any]:
    try:
        await raises_foreign()
    except RemoteError as error:
        return [error.type_name, error.message, "raise foreign_error()" in (error.traceback or ""), str(error)]
    return []


async def test_an_exception_of_an_unknown_type_is_remote() -> None:
    assert await (await start(catches_foreign)).result() == [
        "elsewhere:ForeignError",
        "from afar",
        True,
        "elsewhere:ForeignError: from afar",
    ]


@step(name="app:leaves")
async def leaves() -> None: ...


@workflow
async def calls_what_is_gone() -> str:
    try:
        await leaves()
    except StepNotRegistered as error:
        return str(error)
    return "called"


async def test_a_step_that_no_worker_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(REGISTRY._steps, "app:leaves")  # pyright: ignore[reportPrivateUsage]
    assert await (await start(calls_what_is_gone)).result() == (
        "no step named 'app:leaves' is registered in this worker: import the module that defines it"
    )


# -- bodies


@workflow
async def hostile_body(how: str) -> None:
    misbehave(how)


@step(max_retries=0)
async def cant_be_noted() -> None:
    raise Frozen("hard")


class Frozen(Exception):
    """As a frozen dataclass is."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("frozen")


@workflow
async def catches_frozen() -> str:
    try:
        await cant_be_noted()
    except Frozen as error:
        return str(error)
    return "nothing"


async def test_an_exception_that_lets_nothing_be_set() -> None:
    assert await (await start(catches_frozen)).result(timeout="20s") == "hard"


@pytest.mark.parametrize(("how", "caught"), ENDINGS)
async def test_a_hostile_body_fails_its_run_and_nothing_else(how: str, caught: list[str]) -> None:
    run = await start(hostile_body, how)
    with pytest.raises(RunFailed) as failed:
        await run.result(timeout="20s")
    cause = failed.value.__cause__
    assert type(cause).__name__ == caught[0]
    assert await run.status() == "failed"
    assert await (await start(survives, "empty", False)).result(timeout="20s") == ["ValueError", ""]


@workflow
async def hostile_task() -> str:
    task = asyncio.create_task(_exits())
    try:
        await task
    except BaseException as error:
        return type(error).__name__
    return "nothing"


async def _exits() -> None:
    raise SystemExit(3)


async def test_a_bodys_task_that_exits_ends_only_itself() -> None:
    assert await (await start(hostile_task)).result(timeout="20s") == "SystemExit"


@workflow
async def returns_what_has_no_encoding() -> Any:
    return {"rows": [object()]}


async def test_a_result_of_the_body_that_cant_be_encoded_fails_the_run() -> None:
    run = await start(returns_what_has_no_encoding)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert str(caught.value.__cause__).startswith('result["rows"][0] can\'t be recorded: it is ')


@workflow
async def fails_with(text: str) -> None:
    raise FatalError(text)


async def test_a_failed_run_says_what_failed_it() -> None:
    run = await start(fails_with, "no such card")
    with pytest.raises(RunFailed) as caught:
        await get_run(run.run_id).result()
    assert str(caught.value) == f"run {run.run_id} failed: FatalError: no such card"
    assert caught.value.run_id == run.run_id
    assert type(caught.value.__cause__) is FatalError
    info = await run.info()
    assert info.error is not None
    assert (info.status, info.error.type, info.error.message) == ("failed", "FatalError", "no such card")
    assert "in fails_with" in (info.error.traceback or "")
