"""The assistant: looked up, refunded once, refused, nobody there; and a death at any append."""

from collections.abc import Iterator
from typing import Any

import pytest

from examples.support_assistant import model, shop
from examples.support_assistant.workflows import look_up_order, refund_order, support
from perdure import start
from perdure.chat.approval import Approval
from perdure.testing import Lab

pytestmark = pytest.mark.anyio
TOKEN = "perdure-approval:*"


@pytest.fixture(autouse=True)
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(model, "PAUSE_S", 0)
    shop.refunds.clear()
    yield
    shop.refunds.clear()


def asking(text: str) -> list[dict[str, Any]]:
    return [{"id": "1", "role": "user", "parts": [{"type": "text", "text": text}]}]


async def test_an_order_is_looked_up(lab: Lab) -> None:
    run = await start(support, asking("Where is o-2?"))
    assert (await run.result()).strip() == "o-2 is a piano for 4000 €, on its way."
    assert [call.arguments for call in lab.calls(look_up_order)] == [{"order_id": "o-2"}]


@pytest.mark.parametrize(
    ("text", "said"), [("Hello", "Which order is it?"), ("Where is o-9?", "FatalError: there is no order")]
)
async def test_what_it_cannot_find(lab: Lab, text: str, said: str) -> None:
    assert (await (await start(support, asking(text))).result()).startswith(said)


@pytest.mark.parametrize(("approved", "said"), [(True, "It is refunded: re_1."), (False, "The tool call was denied.")])
async def test_somebody_decides(lab: Lab, approved: bool, said: str) -> None:
    run = await start(support, asking("Please refund o-1"))
    lab.answer(TOKEN, Approval(approved))
    assert (await run.result()).strip() == f"o-1 is a kettle for 35 €, delivered. {said}"
    assert len(lab.calls(refund_order)) == len(shop.refunds) == approved


async def test_nobody_decides(lab: Lab) -> None:
    run = await start(support, asking("Please refund o-1"))
    await lab.wait_for_hook(run)
    await lab.advance("24h")
    assert "nobody decided in time" in await run.result()
    assert shop.refunds == {}


async def test_a_crash_anywhere_refunds_once(lab: Lab) -> None:
    run = await start(support, asking("Please refund o-1"))
    lab.answer(TOKEN, Approval(True))
    await run.result()
    await lab.crash_everywhere(run)
    await lab.replay(run)
    assert len(shop.refunds) == 1, "each copy has the same idempotency key"
