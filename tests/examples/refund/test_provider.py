"""The provider: one refund per key, and busy as often as a test wants."""

import pytest

from examples.refund import provider

pytestmark = pytest.mark.anyio

REFUND = {"order": "o-1", "amount": "12.50"}


async def test_a_key_is_one_refund() -> None:
    provider.reset(busy_first=1)
    answers = [
        (await provider.client.post("/refunds", json=REFUND, headers={"idempotency-key": "k"})) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [429, 201, 409]
    assert answers[2].json()["detail"] == answers[1].json()["id"] == "re_1"
    assert len(provider.refunds) == 1


async def test_it_has_a_limit() -> None:
    provider.reset()
    answer = await provider.client.post("/refunds", json={**REFUND, "amount": "1001"}, headers={"idempotency-key": "k"})
    assert answer.status_code == 422 and provider.refunds == {}
