"""From a name that awaits to one that blocks: functions, methods, blocks and iterators."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

from perdure.sync.background import BACKGROUND, put_away, refuse_in_a_loop

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function, run on the background loop."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return BACKGROUND.run(function.__name__, lambda: function(*args, **kwargs))

    return update_wrapper(call, function)


def immediate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function, run in the caller's thread: for those that wait for nothing, and ask for their step."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_in_a_loop(function.__name__)
        coroutine = function(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError(f"{function.__name__} waits for something")

    return update_wrapper(call, function)


def blocking_block(
    function: Callable[P, AbstractAsyncContextManager[Any]],
) -> Callable[P, AbstractContextManager[None]]:
    """The same block; what it gives to async code is not for others. It ends alike however its body ends."""

    @contextmanager
    def block(*args: P.args, **kwargs: P.kwargs) -> Generator[None]:
        manager = function(*args, **kwargs)

        async def enter() -> None:
            await manager.__aenter__()

        async def leave() -> None:
            await manager.__aexit__(None, None, None)

        BACKGROUND.run(function.__name__, enter)
        try:
            yield
        finally:
            BACKGROUND.run(function.__name__, leave)

    return update_wrapper(block, function)


class BlockingMethod(Generic[P, T]):
    """A method of the object that awaits, for the one that blocks and has it as `as_async`."""

    def __init__(self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> None:
        self._method: Callable[..., Coroutine[Any, Any, T]] = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type) -> Callable[P, T]:
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            name = f"{owner.__name__}.{self._method.__name__}"
            return BACKGROUND.run(name, lambda: self._method(instance.as_async, *args, **kwargs))

        return update_wrapper(call, self._method)


def each(name: str, items: AsyncIterable[T]) -> Iterator[T]:
    """What an async iterator gives, one by one. One loop carries all of it; if that ends, so does this, by an error."""
    loop = BACKGROUND.loop(name)
    iterator: AsyncIterator[T] = aiter(items)

    async def next_one() -> T:
        return await anext(iterator)

    while True:
        try:
            item = BACKGROUND.run(name, next_one, loop)
        except StopAsyncIteration:
            return
        try:
            yield item
        except GeneratorExit:
            if isinstance(iterator, AsyncGenerator):
                put_away(cast(AsyncGenerator[object, Any], iterator), loop)
            raise
