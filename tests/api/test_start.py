"""`start` outside of runs: what is durable, what is refused, and runs that steps start."""

import typing
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from perdure import (
    ArgumentsInvalid,
    DurationInvalid,
    EncodeError,
    Retry,
    Run,
    StartOptions,
    UsageError,
    configure,
    get_run,
    get_step_metadata,
    list_runs,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import facts, types_of

pytestmark = pytest.mark.anyio

HERE = __name__
seen: list[str] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@dataclass
class Order:
    id: str
    items: list[typing.Any]


@workflow
async def fulfil(order: Order, express: bool = False) -> str:
    return f"{order.id} {'express' if express else 'standard'}"


@workflow
async def only_keywords(*, order_id: str) -> str:
    return order_id


async def test_arguments_by_position_or_name() -> None:
    order = Order("o-1", [])
    assert await (await start(fulfil, order)).result() == "o-1 standard"
    assert await (await start(fulfil, order, True)).result() == "o-1 express"
    assert await (await start(fulfil, express=True, order=order)).result() == "o-1 express"
    assert await (await start(fulfil, order, options=StartOptions())).result() == "o-1 standard"
    assert await (await start(only_keywords, order_id="o-2")).result() == "o-2"


async def test_a_start_is_durable_when_it_returns() -> None:
    configure(world="memory://", work=False)
    run = await start(fulfil, Order("o-1", []))
    assert run.run_id.startswith("wrun_")
    assert await run.status() == "pending"
    assert await types_of(run) == ["run_created"]
    [created] = await facts(run, "run_created")
    assert created["workflow"] == f"{HERE}:fulfil"
    assert created["input"]["order"]["v"] == {"id": "o-1", "items": []}


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((), {}, "missing a required argument: 'order'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"colour": "red"}, "got an unexpected keyword argument 'colour'"),
    ],
)
async def test_arguments_that_dont_fit_are_refused_before_anything_is_written(
    args: tuple[typing.Any, ...], kwargs: dict[str, typing.Any], reason: str
) -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        await start(fulfil, *args, **kwargs)
    assert str(caught.value) == f"the arguments don't fit {HERE}:fulfil: {reason}"
    with pytest.raises(TypeError):
        await start(only_keywords)  # type: ignore[call-arg]
    assert [info async for info in list_runs()] == []


async def test_a_value_that_cant_be_encoded_is_refused_with_its_path() -> None:
    with pytest.raises(EncodeError) as caught:
        await start(fulfil, Order("o-1", [1, 2, 3, {"conn": object()}]))
    assert caught.value.path == 'order.items[3]["conn"]'
    assert str(caught.value).startswith('order.items[3]["conn"] can\'t be recorded: it is ')
    assert [info async for info in list_runs()] == []


async def test_an_argument_of_another_type_is_refused_before_anything_is_written() -> None:
    """A type checker tells before; perdure as the worker would, but at once."""
    with pytest.raises(ArgumentsInvalid) as caught:
        await start(fulfil, 7)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"the arguments don't fit {HERE}:fulfil: order: it is an int, where the annotation asks for Order"
    )
    assert [info async for info in list_runs()] == []


async def test_so_is_one_of_its_type_with_something_else_in_it() -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        await start(fulfil, Order(7, []))  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"the arguments don't fit {HERE}:fulfil: order.id: it is an int, where the annotation asks for str"
    )
    assert [info async for info in list_runs()] == []


@workflow
async def delegates_nonsense() -> str:
    try:
        await start(fulfil, Order("o-1", []), "soon")  # type: ignore[arg-type]
    except ArgumentsInvalid as error:
        return str(error)
    return "started"


async def test_a_body_is_told_too_and_no_child_is_recorded() -> None:
    run = await start(delegates_nonsense)
    sentence = await run.result()
    assert sentence.startswith(f"the arguments don't fit {HERE}:fulfil: express: it is a str, ")
    assert "child_created" not in await types_of(run)


async def plain() -> None: ...


@step
async def charge() -> None: ...


@pytest.mark.parametrize(("what", "name"), [(plain, "plain"), (charge, "charge")])
async def test_what_is_no_workflow(what: typing.Any, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        await start(what)
    assert str(caught.value) == f"start was given {name}, which is no workflow: decorate it with @workflow"


# -- delay


async def begun_when_due(run: Run[typing.Any]) -> None:
    [created] = await facts(run, "run_created")
    started_at = (await run.info()).started_at
    assert started_at is not None
    assert started_at >= datetime.fromtimestamp(created["dueMs"] / 1000, UTC)


async def test_a_delayed_start() -> None:
    run = await start(fulfil, Order("o-1", []), options=StartOptions(delay=0.01))
    assert await run.status() == "pending"
    assert await run.result() == "o-1 standard"
    await begun_when_due(run)


async def test_a_start_at_a_moment_that_has_passed_is_at_once() -> None:
    options = StartOptions(delay=typing.cast(typing.Any, datetime(2020, 1, 1, tzinfo=UTC)))
    assert await (await start(fulfil, Order("o-1", []), options=options)).result() == "o-1 standard"


async def test_a_delay_that_is_no_duration() -> None:
    with pytest.raises(DurationInvalid):
        await start(fulfil, Order("o-1", []), options=StartOptions(delay="soon"))
    assert [info async for info in list_runs()] == []


async def test_a_delayed_start_is_honoured_by_a_later_worker() -> None:
    configure(world="memory://", work=False)
    run = await start(fulfil, Order("o-1", []), options=StartOptions(delay=0.01))
    async with worker():
        assert await run.result() == "o-1 standard"
        await begun_when_due(run)


# -- in a step


@step(retry=Retry(delay=0.001))
async def starts_others() -> list[str]:
    first = await start(fulfil, Order("o-1", []))
    second = await start(fulfil, Order("o-2", []))
    seen.extend((first.run_id, second.run_id))
    if get_step_metadata().attempt == 1:
        raise ValueError("after the starts")
    return [first.run_id, second.run_id]


@workflow
async def delegates() -> list[str]:
    return await starts_others()


async def test_a_retried_step_finds_the_runs_that_it_started() -> None:
    run = await start(delegates)
    children = await run.result()
    assert len(set(children)) == 2
    assert seen == children * 2
    assert await get_run(children[1], str).result() == "o-2 standard"
    info = await get_run(children[0]).info()
    assert (info.parent_id, info.root_id) == (run.run_id, run.run_id)


@step
async def starts_with_a_key() -> str:
    return (await start(fulfil, Order("o-1", []), options=StartOptions(idempotency_key="of-its-own"))).run_id


@workflow
async def delegates_with_a_key() -> str:
    return await starts_with_a_key()


async def test_a_step_may_give_a_key_of_its_own() -> None:
    known = await start(fulfil, Order("o-1", []), options=StartOptions(idempotency_key="of-its-own"))
    assert await (await start(delegates_with_a_key)).result() == known.run_id
