"""The assistant: looked up, refunded once, refused, nobody there; many turns; and a death at any append."""

import pytest

from examples.support_assistant import shop
from examples.support_assistant.workflows import look_up_order, refund_order, support
from perdure import start
from perdure.chat.approval import Approval
from perdure.chat.turn import WORDS
from perdure.testing import Lab
from tests.examples.support_assistant.said import AGAIN, END, IS, REFUND, WHERE, later, message

pytestmark = pytest.mark.anyio
APPROVALS = "perdure-approval:*"


async def test_an_order_is_looked_up(lab: Lab) -> None:
    run = await start(support, message(WHERE), "ann-1")
    await lab.advance("1h")  # nobody says more
    assert await run.result() == ["Let me look up o-2.", "o-2 is a piano for 4000 €, on its way."]
    assert [call.arguments for call in lab.calls(look_up_order)] == [{"order_id": "o-2"}]


@pytest.mark.parametrize(
    ("text", "said"), [("Hello", "Which order is it?"), ("Where is o-9?", "FatalError: there is no order")]
)
async def test_what_it_cannot_find(lab: Lab, text: str, said: str) -> None:
    run = await start(support, message(text), "ann-1")
    await lab.advance("1h")
    assert (await run.result())[-1].startswith(said)


@pytest.mark.parametrize(("approved", "said"), [(True, "It is refunded: re_1."), (False, "The tool call was denied.")])
async def test_somebody_decides(lab: Lab, approved: bool, said: str) -> None:
    run = await start(support, message(REFUND), "ann-1")
    lab.answer(APPROVALS, Approval(approved))
    await lab.advance("1h")
    assert (await run.result())[1:] == ["I'll ask for a refund.", f"{IS} {said}"]
    assert len(lab.calls(refund_order)) == len(shop.refunds) == approved


async def test_nobody_decides(lab: Lab) -> None:
    run = await start(support, message(REFUND), "ann-1")
    await lab.advance("26h")
    assert "nobody decided in time" in (await run.result())[-1]
    assert shop.refunds == {}


async def test_what_was_said_before_is_known(lab: Lab) -> None:
    run = await start(support, message(WHERE), "ann-1")
    await lab.advance("50m")
    await WORDS.resume(run.run_id, later(AGAIN, "m2"))
    await lab.advance("50m")
    await WORDS.resume(run.run_id, END)
    found = ["Let me look up o-2.", "o-2 is a piano for 4000 €, on its way."]
    assert await run.result() == found * 2
    assert [call.arguments for call in lab.calls(look_up_order)] == [{"order_id": "o-2"}] * 2


async def test_no_order_is_refunded_twice(lab: Lab) -> None:
    run = await start(support, message(REFUND), "ann-1")
    lab.answer(APPROVALS, Approval(True))
    await lab.rest()
    await WORDS.resume(run.run_id, later("Please refund it again", "m2"))
    await lab.advance("1h")
    assert (await run.result())[-1] == f"{IS} FatalError: o-1 was refunded before"
    assert [*shop.refunds.values()] == ["o-1"]


async def test_a_crash_anywhere_refunds_once(lab: Lab) -> None:
    run = await start(support, message(REFUND), "ann-1")
    lab.answer(APPROVALS, Approval(True))
    await lab.rest()
    await WORDS.resume(run.run_id, later(AGAIN, "m2"))
    await WORDS.resume(run.run_id, END)
    assert (await run.result())[-1] == IS
    await lab.crash_everywhere(run)
    await lab.replay(run)
    assert len(shop.refunds) == 1, "each copy has the same idempotency key"
