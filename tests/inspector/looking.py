"""How the tests look at a world: one verb of the inspector at a time, as the command line does."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from perdure.api.records import Page
from perdure.cli.world import in_world
from perdure.engine.engine import Engine
from perdure.inspector.page import Asked

T = TypeVar("T")
NOWHERE = "wrun_" + "0" * 26
ALL, DATA = Asked(100), Asked(100, None, True)


def look(verb: Callable[..., Awaitable[T]], *words: Any, **options: Any) -> T:
    """What the verb gives."""

    async def work(engine: Engine) -> T:
        return await verb(engine, *words, **options)

    return in_world(None, work)


def paged(verb: Callable[..., Awaitable[Page[Any]]], *words: Any, limit: int = 1) -> list[Any]:
    """The items as JSON, read so many at a time."""
    found: list[Any] = []
    asked = Asked(limit)
    while True:
        page = look(verb, *words, asked)
        found += page.as_json()["items"]
        assert len(page.items) <= limit
        if page.cursor is None:
            return found
        asked = Asked(limit, page.cursor)
