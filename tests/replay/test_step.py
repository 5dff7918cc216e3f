"""A step as a body calls it: what is recorded, and what comes back, by value."""

from dataclasses import dataclass
from typing import Any

import pytest

from perdure.errors import FatalError, RemoteError
from perdure.model.event import AnyFact, RunFailed, StepCreated, StepFailed
from perdure.model.failure import Failure
from perdure.replay.body import current_body
from perdure.replay.step import call_step
from tests.core.logs import done, raw
from tests.replay.bodied import body_of, deliver, ended, keys, requests, step_of

KEY = "0/step:app:charge#0"


@dataclass
class Order:
    items: list[str]


async def charge(order: Order, tip: float = 0.0) -> Order: ...  # type: ignore[empty-body]


async def call(*args: Any, at_most_once: bool = False, **kwargs: Any) -> Any:
    body = current_body()
    assert body is not None
    return await call_step(body, step_of("app:charge", charge, at_most_once=at_most_once), args, kwargs)


async def flow() -> str:
    order = Order(["a"])
    back = await call(order, tip=1.5)
    order.items.append("b")
    return f"{type(back).__name__} {back.items}"


def test_arguments_are_recorded_by_name() -> None:
    [(key, request)] = requests(body_of(flow))
    assert key == KEY
    assert isinstance(request, StepCreated)
    assert (request.name, request.at_most_once) == ("app:charge", False)
    assert bytes(request.input).decode() == (
        '{"order":{"$":"obj","type":"tests.replay.test_step:Order","v":{"items":["a"]}},"tip":1.5}'
    )


def test_a_result_is_decoded_as_it_is_annotated() -> None:
    body = body_of(flow)
    keys(body)
    deliver(body, 1, (KEY, done('{"items":["x","y"]}')))
    assert ended(body) == "run_completed \"Order ['x', 'y']\""


def test_what_a_body_changes_later_was_recorded_as_it_was() -> None:
    live = body_of(flow)
    [(key, request)] = requests(live)
    deliver(live, 1, (KEY, done('{"items":[]}')))
    replayed = body_of(flow, (0, key, request), (1, KEY, done('{"items":[]}')))  # type: ignore[arg-type]
    assert ended(replayed) == ended(live) == 'run_completed "Order []"'


ITEMS = '{"items":["a"]}'


@pytest.mark.parametrize(
    ("recorded", "fits"),
    [
        ('{"order":{"$":"obj","type":"tests.replay.test_step:Order","v":{"items":["a"]}},"tip":1.5}', True),
        ('{"order":{"$":"obj","type":"old.place:Order","v":{"items":["a"],"gone":1}},"tip":1.5}', True),
        (f'{{"order":{ITEMS},"tip":1.5}}', True),
        (f'{{"order":{ITEMS},"tip":2.5}}', False),
        (f'{{"order":{ITEMS}}}', False),
        ('{"order":{"items":"a"},"tip":1.5}', False),
        ('{"order":{"things":["a"]},"tip":1.5}', False),
        (f'{{"order":{ITEMS},"tip":1.5,"more":1}}', False),
    ],
    ids=["the same", "moved, a field less", "of another kind", "another value", "an argument less", "another type",
         "a required field more", "an argument more"],
)  # fmt: skip
def test_what_todays_code_reads_as_its_own_call_is_the_same_call(recorded: str, fits: bool) -> None:
    log = (0, KEY, StepCreated(name="app:charge", input=raw(recorded))), (1, KEY, done('{"items":["x"]}'))
    body = body_of(flow, *log)
    assert (body.divergence is None) == fits
    assert not fits or ended(body) == "run_completed \"Order ['x']\""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Failure(type="perdure.errors:FatalError", message="no such card"), "FatalError no such card"),
        (Failure(type="builtins:KeyError", message="'x'"), "KeyError"),
        (Failure(type="gone.module:Declined", message="declined"), "RemoteError gone.module:Declined: declined"),
    ],
)
def test_a_failure_comes_back_as_itself_where_its_type_is_known(error: Failure, told: str) -> None:
    async def careful() -> str:
        try:
            await call(Order([]))
        except (FatalError, RemoteError) as caught:
            return f"{type(caught).__name__} {caught}"
        except KeyError:
            return "KeyError"
        return "?"

    body = body_of(careful)
    keys(body)
    deliver(body, 1, (KEY, StepFailed(attempt=1, error=error)))
    assert ended(body) == f'run_completed "{told}"'


@pytest.mark.parametrize(
    ("args", "kwargs", "type", "message"),
    [
        ((), {}, "ArgumentsInvalid", "the arguments don't fit app:charge: missing a required argument: 'order'"),
        ((1, 2, 3), {}, "ArgumentsInvalid", "the arguments don't fit app:charge: too many positional arguments"),
        (
            (1,),
            {"x": 2},
            "ArgumentsInvalid",
            "the arguments don't fit app:charge: got an unexpected keyword argument 'x'",
        ),
        (
            ({"items": [object()]},),
            {},
            "EncodeError",
            'order["items"][0] can\'t be recorded: it is an object, which is none of the types that perdure records: '
            "record what it can be made from instead",
        ),
    ],
)
def test_what_does_not_fit_is_raised_and_nothing_recorded(
    args: tuple[Any, ...], kwargs: dict[str, Any], type: str, message: str
) -> None:
    async def misfit() -> None:
        await call(*args, **kwargs)

    body = body_of(misfit)
    assert keys(body) == []
    assert isinstance(body.end, RunFailed)
    assert body.end.error.type == f"perdure.errors:{type}"
    assert body.end.error.message == message


@pytest.mark.parametrize("outcome", [done('"no order"'), done("7")])
def test_a_result_that_does_not_fit_any_more_is_raised(outcome: AnyFact) -> None:
    body = body_of(flow)
    keys(body)
    deliver(body, 1, (KEY, outcome))
    assert isinstance(body.end, RunFailed)
    assert body.end.error.type == "perdure.errors:DecodeError"
    assert body.end.error.message.startswith("result can't be read back: ")


def test_at_most_once_is_part_of_the_request() -> None:
    async def careful() -> None:
        await call(Order([]), at_most_once=True)

    [(_, request)] = requests(body_of(careful))
    assert isinstance(request, StepCreated)
    assert request.at_most_once


def test_calls_are_counted() -> None:
    async def twice() -> None:
        await call(Order([]))
        await call(Order([]))

    body = body_of(twice)
    keys(body)
    deliver(body, 1, (KEY, done('{"items":[]}')))
    assert keys(body) == ["0/step:app:charge#1"]
