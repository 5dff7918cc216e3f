"""perdure's pytest plugin: the fixture `lab`, for sync and async tests.

It lies beside the package, and imports nothing of it until a test asks for the fixture: every pytest of an environment
loads its plugins.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, cast

import pytest

ORIGINAL = pytest.StashKey[Any]()


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A world of the test's own, in memory, on a clock that stands still until `advance`, with a worker.

    A `perdure.testing.Lab` in an async test; in a sync one a `SyncLab`, whose methods block.
    """
    from perdure.testing import Lab, SyncLab

    if not inspect.iscoroutinefunction(request.function):
        with SyncLab() as blocking:
            yield blocking
        return
    made = Lab()
    made.bench.install()  # now: other fixtures may start runs
    try:
        yield made
    finally:
        made.bench.remove()


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The fixtures are there: have the test end its lab on the loop on which it runs, whichever plugin runs it."""
    made = _lab_of(item)
    if isinstance(item, pytest.Function) and made is not None:
        item.stash[ORIGINAL] = item.obj
        item.obj = _in_lab(item.obj, made)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and ORIGINAL in item.stash:
        item.obj = item.stash[ORIGINAL]
        del item.stash[ORIGINAL]


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run an async test that has a lab, unless another plugin does: what is marked for anyio, or in the hands of
    pytest-asyncio, doesn't come here."""
    if _lab_of(pyfuncitem) is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _lab_of(item: pytest.Item) -> Any:
    """The open lab of an async test; None: it has none, or another fixture of that name."""
    found = cast(dict[str, Any], getattr(item, "funcargs", {})).get("lab")
    return found if hasattr(found, "bench") and inspect.iscoroutinefunction(getattr(item, "obj", None)) else None


def _in_lab(test: Callable[..., Coroutine[Any, Any, None]], made: Any) -> Callable[..., Coroutine[Any, Any, None]]:
    @wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        await made.bench.working()
        try:
            await test(*args, **kwargs)
        finally:
            await made.bench.stop()
        made.bench.answers.check()

    return run
