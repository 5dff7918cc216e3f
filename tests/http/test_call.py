"""One request, as its handler sees it."""

import pytest
from starlette.requests import Request

from perdure.http.authorization import Target
from perdure.http.call import Call
from perdure.http.problem import Problem
from perdure.http.rate import Misses
from tests.http.asgi import scope_of
from tests.http.flows import anybody

pytestmark = pytest.mark.anyio


async def nothing() -> dict[str, str]:
    return {"type": "http.disconnect"}


def call(**headers: str) -> Call:
    request = Request(scope_of("/hooks/t", headers={name.replace("_", "-"): v for name, v in headers.items()}))
    return Call(request, nothing, "t", "", None, Misses())


def test_a_repetition_has_a_key() -> None:
    assert call().idempotency_key is None
    assert call(idempotency_key="k" * 255).idempotency_key == "k" * 255


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_has_limits(key: str) -> None:
    with pytest.raises(Problem, match="400 an Idempotency-Key has 1 to 255 characters"):
        _ = call(idempotency_key=key).idempotency_key


async def test_who_isnt_let_in_is_refused() -> None:
    with pytest.raises(Problem, match="403"):
        await call().check("hook:resume", Target("hook", "t"))
    asked = call()
    await Call(asked.request, nothing, "t", "", anybody, asked.misses).check("hook:resume", Target("hook", "t"))


async def test_authorize_cant_use_up_the_body() -> None:
    """The request that it sees has none: who is let in may send it, and it is read once, within limits."""
    with pytest.raises(RuntimeError, match="Receive channel"):
        await call().request.body()
