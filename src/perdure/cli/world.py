"""Which world a command works on, and what is done around its own work. This process never owns runs here."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from perdure.api.connect import CONNECTION, DEFAULT_URL, VARIABLE, close, configure
from perdure.engine.engine import Engine
from perdure.errors import WorldInvalid

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])
_BACKEND = "perdure.backend"


def world_option(command: Command) -> Command:
    """Adds `--world URL`, and its hidden synonym `--backend`."""
    world = click.option(
        "--world",
        metavar="URL",
        callback=_or_backend,
        help="Where runs are kept: sqlite:///path or postgresql://… [env: PERDURE_WORLD]",
    )
    backend = click.option(
        "--backend", hidden=True, is_eager=True, expose_value=False, callback=_keep_backend, metavar="URL"
    )
    return world(backend(command))


def url_of(world: str | None) -> str:
    """The world's URL: of the option, else of PERDURE_WORLD, else the default.

    Raises: WorldInvalid, if another process can't reach it.
    """
    url = world or os.environ.get(VARIABLE) or DEFAULT_URL
    if url.startswith("memory:"):
        raise WorldInvalid(url, "it lives in one process's memory, and this is another process; use sqlite:///path")
    return url


def in_world(
    world: str | None,
    work: Callable[[Engine], Awaitable[T]],
    *,
    create: bool = False,
    within_s: float | None = None,
) -> T:
    """What `work` gives, done in an event loop of its own with the world open. Without `create`, looking makes none.

    Raises: WorldError, as `work`; TimeoutError where opening the world and the work take longer than `within_s`.
    """
    configure(world=url_of(world), work=False, keys=CONNECTION.keys, telemetry=CONNECTION.telemetry)
    CONNECTION.create = create
    return asyncio.run(asyncio.wait_for(_with_engine(work), within_s))


async def _with_engine(work: Callable[[Engine], Awaitable[T]]) -> T:
    try:
        return await work(await CONNECTION.engine())
    finally:
        await close()


def _keep_backend(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta[_BACKEND] = value


def _or_backend(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return value or ctx.meta[_BACKEND]
