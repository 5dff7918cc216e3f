"""Steps: how they are defined and called, in and outside of runs, and what is passed to and from them."""

import asyncio
import threading
import typing
from dataclasses import dataclass, field

import pytest

from perdure import (
    ArgumentsInvalid,
    DefinitionInvalid,
    DuplicateName,
    DurationInvalid,
    EncodeError,
    Retry,
    RunFailed,
    Step,
    start,
    step,
    workflow,
)
from tests.api.following import facts, types_of

pytestmark = pytest.mark.anyio

HERE = __name__
calls: list[typing.Any] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


# -- async and sync


@step
async def double(n: int) -> int:
    calls.append(n)
    return 2 * n


@step
def halve(n: int) -> float:
    """Half of it."""
    calls.append(threading.current_thread().name)
    return n / 2


@workflow
async def both(n: int) -> list[float]:
    return [await double(n), await halve(n)]


async def test_async_and_sync_steps_in_a_workflow() -> None:
    assert await (await start(both, 3)).result() == [6, 1.5]
    assert calls[0] == 3
    assert calls[1].startswith("perdure-step")


async def test_a_step_is_recorded_by_name_with_its_arguments_and_result() -> None:
    run = await start(both, 3)
    await run.result()
    assert await facts(run, "step_created") == [
        {"name": f"{HERE}:double", "input": {"n": 3}},
        {"name": f"{HERE}:halve", "input": {"n": 3}},
    ]
    completed = await facts(run, "step_completed")
    assert all(fact.pop("durationMs", 0) >= 0 for fact in completed)
    assert completed == [{"attempt": 1, "result": 6}, {"attempt": 1, "result": 1.5}]


async def test_outside_of_a_run_a_step_is_the_plain_function() -> None:
    assert await double(3) == 6
    assert await halve(3) == 1.5
    assert await asyncio.create_task(double(4)) == 8
    assert calls[1] != threading.current_thread().name, "a sync step doesn't block the loop"


async def test_the_plain_function_of_a_step() -> None:
    assert await double.fn(3) == 6
    assert halve.fn(3) == 1.5
    assert calls[1] == threading.current_thread().name


async def test_a_step_looks_like_its_function() -> None:
    assert isinstance(halve, Step)
    assert (halve.__name__, halve.__doc__, halve.__module__) == ("halve", "Half of it.", HERE)
    assert repr(halve) == f"<step {HERE}:halve>"


@step
async def calls_another(n: int) -> int:
    return await double(n) + int(await halve(n))


@workflow
async def nested(n: int) -> int:
    return await calls_another(n)


async def test_a_step_called_in_a_step_is_the_plain_function() -> None:
    run = await start(nested, 4)
    assert await run.result() == 10
    assert (await types_of(run)).count("step_created") == 1


@workflow
async def never_awaits() -> str:
    double(1).close()
    return "nothing happened"


async def test_a_call_that_is_not_awaited_does_nothing() -> None:
    run = await start(never_awaits)
    assert await run.result() == "nothing happened"
    assert "step_created" not in await types_of(run)


@workflow
async def parallel() -> list[int]:
    first = asyncio.create_task(double(1))
    async with asyncio.TaskGroup() as group:
        others = [group.create_task(double(n)) for n in (2, 3)]
    return [await first, *(task.result() for task in others), *await asyncio.gather(double(4), double(5))]


async def test_steps_in_parallel() -> None:
    assert await (await start(parallel)).result() == [2, 4, 6, 8, 10]


# -- parameters


@step
async def with_default(a: int, b: int = 2) -> list[int]:
    return [a, b]


@step
async def with_keywords(*, a: int, b: int = 2) -> list[int]:
    return [a, b]


@step
async def with_positional(a: int, /, b: int) -> list[int]:
    return [a, b]


@step
async def with_many(*numbers: int, **names: str) -> dict[str, typing.Any]:
    return {"numbers": list(numbers), "names": names}


@workflow
async def calls_in_every_way() -> list[typing.Any]:
    return [
        await with_default(1),
        await with_default(b=3, a=1),
        await with_keywords(a=1),
        await with_keywords(b=3, a=1),
        await with_positional(1, b=2),
        await with_many(1, 2, x="y"),
        await with_many(),
    ]


async def test_every_kind_of_parameter() -> None:
    run = await start(calls_in_every_way)
    assert await run.result() == [
        [1, 2],
        [1, 3],
        [1, 2],
        [1, 3],
        [1, 2],
        {"numbers": [1, 2], "names": {"x": "y"}},
        {"numbers": [], "names": {}},
    ]
    assert (await facts(run, "step_created"))[0]["input"] == {"a": 1}, "only what was given is recorded"


@workflow
async def calls_wrongly() -> str:
    try:
        await with_default(1, 2, 3)  # type: ignore[call-arg]
    except ArgumentsInvalid as error:
        return str(error)
    return "accepted"


async def test_arguments_that_dont_fit_are_refused_before_anything_is_written() -> None:
    run = await start(calls_wrongly)
    assert await run.result() == f"the arguments don't fit {HERE}:with_default: too many positional arguments"
    assert "step_created" not in await types_of(run)


# -- methods


@dataclass
class Till:
    """A till with some money in it."""

    cash: int

    @step
    async def charge(self, amount: int) -> int:
        return self.cash + amount

    @step
    def render(self, amount: int) -> str:
        return f"{self.cash}+{amount}"

    @staticmethod
    @step
    async def tax(amount: int) -> int:
        return amount // 5


@workflow
async def at_the_till(till: Till) -> list[typing.Any]:
    return [
        await till.charge(5),
        await till.render(6),
        await Till.tax(10),
        await till.tax(20),
        await Till.charge(till, 7),
    ]


async def test_methods_and_static_methods_are_steps() -> None:
    run = await start(at_the_till, Till(100))
    assert await run.result() == [105, "100+6", 2, 4, 107]
    created = await facts(run, "step_created")
    assert created[0]["name"] == f"{HERE}:Till.charge"
    assert created[0]["input"]["amount"] == 5
    assert created[0]["input"]["self"]["v"] == {"cash": 100}


async def test_a_method_outside_of_a_run() -> None:
    assert await Till(1).charge(2) == 3
    assert await Till.tax(10) == 2


# -- values


@dataclass
class Basket:
    items: list[str] = field(default_factory=list)


@step
async def add_to(basket: Basket, names: list[str]) -> Basket:
    basket.items.append("added")
    names.append("added")
    return basket


@workflow
async def shops() -> list[list[str]]:
    basket, names = Basket(["first"]), ["Ann"]
    returned = await add_to(basket, names)
    again = await add_to(returned, names)
    return [basket.items, names, returned.items, again.items]


async def test_values_are_passed_by_value() -> None:
    assert await (await start(shops)).result() == [["first"], ["Ann"], ["first", "added"], ["first", "added", "added"]]


@workflow
async def applies(what: Step[[int], int], whole: list[Step[[int], typing.Any]], n: int) -> list[typing.Any]:
    return [await what(n), *[await each(n) for each in whole]]


async def test_steps_are_values() -> None:
    run = await start(applies, double, [halve, double], 3)
    assert await run.result() == [6, 1.5, 6]


class Opaque:
    """Has no encoding."""


@dataclass
class Order:
    items: list[typing.Any]


@step
async def takes_anything(order: typing.Any) -> None:
    calls.append(order)


@workflow
async def passes_what_has_no_encoding() -> str:
    try:
        await takes_anything(Order(items=[1, {"conn": Opaque()}]))
    except EncodeError as error:
        return f"{error.path}: {error}"
    return "accepted"


async def test_an_argument_that_cant_be_encoded() -> None:
    run = await start(passes_what_has_no_encoding)
    found = await run.result()
    path = 'order.items[1]["conn"]'
    assert found.startswith(f"{path}: {path} can't be recorded: it is "), found
    assert f"{HERE}:Opaque" in found or "Opaque" in found
    assert "step_created" not in await types_of(run)


@step(retry=Retry(delay=0.001))
async def gives_what_has_no_encoding() -> typing.Any:
    calls.append("called")
    return {"rows": [Opaque()]}


@workflow
async def gets_what_has_no_encoding() -> str:
    try:
        await gives_what_has_no_encoding()
    except EncodeError as error:
        return error.path
    return "accepted"


async def test_a_result_that_cant_be_encoded_is_told_at_once() -> None:
    assert await (await start(gets_what_has_no_encoding)).result() == 'result["rows"][0]'
    assert calls == ["called"], "another attempt would do its work again, and fail again"


@step
async def large() -> str:
    return "x" * (17 * 1024 * 1024)


@workflow
async def gets_too_much() -> None:
    await large()


async def test_a_result_that_is_too_large_names_the_limit() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(gets_too_much)).result()
    assert str(caught.value.__cause__) == (
        "result can't be recorded: it takes 17.0 MiB and the limit is 16 MiB: keep it elsewhere and record where it is"
    )


# -- what can't be a step


def test_a_closure_is_refused() -> None:
    secret, other = 1, 2

    with pytest.raises(DefinitionInvalid) as caught:

        @step
        async def closes_over(n: int) -> int:
            return n + secret + other

    assert str(caught.value) == (
        f"{HERE}:test_a_closure_is_refused.<locals>.closes_over can't be defined: it closes over other, secret, "
        "which a replay on another machine doesn't have; pass it as an argument"
    )


def test_a_generator_is_refused() -> None:
    with pytest.raises(DefinitionInvalid) as caught:

        @step(name="app:rows")
        def rows() -> typing.Iterator[int]:
            yield 1

    assert str(caught.value) == "app:rows can't be defined: it is a generator; return a value, or write to a stream"

    with pytest.raises(DefinitionInvalid):

        @step(name="app:rows")
        async def async_rows() -> typing.AsyncIterator[int]:
            yield 1


def test_staticmethod_goes_outermost() -> None:
    with pytest.raises(DefinitionInvalid) as caught:

        class _Till:
            @step(name="app:tax")  # type: ignore[arg-type]
            @staticmethod
            async def tax(amount: int) -> int:
                return amount

    assert str(caught.value) == (
        "app:tax can't be defined: it is a staticmethod, not a function; put @staticmethod outermost"
    )


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        step(name="app:till")(Till)
    assert str(caught.value) == "app:till can't be defined: it is a type, not a function"


def test_both_ways_to_say_how_often() -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        step(name="app:charge", max_retries=3, retry=Retry())
    assert str(caught.value) == (
        "app:charge can't be defined: max_retries and retry were both given; put it into Retry(…)"
    )


@pytest.mark.parametrize("queue", ["", "g p u", "gpu/2", "-gpu", "a" * 65])
def test_what_cant_name_a_queue(queue: str) -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        step(name="app:embed", queue=queue)
    assert str(caught.value) == (
        f"app:embed can't be defined: queue={queue!r} can't name a queue: give 1 to 64 ASCII letters, digits, "
        "'.', '_' and '-', a letter or digit first"
    )


def test_a_step_has_a_queue() -> None:
    @step(name="queued:embed", queue="gpu")
    async def embed() -> None: ...

    assert (embed.definition.queue, double.definition.queue) == ("gpu", "default")


@pytest.mark.parametrize("option", ["timeout", "heartbeat_timeout"])
def test_an_unknown_duration(option: str) -> None:
    with pytest.raises(DurationInvalid) as caught:
        step(**{option: "soon"})  # type: ignore[call-overload]
    assert str(caught.value) == (
        "'soon' is no duration: its units are not ms, s, m, h, d or w after a number; write seconds as a number, "
        "a text like '1h30m', a timedelta, or a datetime with a time zone"
    )


def test_a_name_that_is_taken() -> None:
    @step(name="app:taken")
    async def one() -> None: ...

    with pytest.raises(DuplicateName) as caught:

        @step(name="app:taken")
        async def other() -> None: ...

    assert caught.value.name == "app:taken"
    assert str(caught.value) == (
        f"the name 'app:taken' is defined twice: at {__file__}:{one.fn.__code__.co_firstlineno} and at "
        f"{__file__}:{one.fn.__code__.co_firstlineno + 5}; give one of them name=…"
    )


def test_a_workflow_has_no_steps_name() -> None:
    @step(name="app:both")
    async def one() -> None: ...

    with pytest.raises(DuplicateName):

        @workflow(name="app:both")
        async def other() -> None: ...


def _define() -> Step[[], int]:
    @step
    async def redefined() -> int:
        return 1

    return redefined


def test_a_later_definition_of_the_same_function_replaces_the_earlier() -> None:
    first, second = _define(), _define()
    assert first is not second
    assert first.definition.name == second.definition.name
