"""A worker that goes away in the middle: the refund is made once, under one key."""

from decimal import Decimal

import pytest

from examples.refund import provider
from examples.refund.workflows import Approval, Refund, RefundRequest, approvals, refund
from perdure import close, configure, get_run, start
from tests.examples.client import hook_under

pytestmark = pytest.mark.anyio

AMOUNT = Decimal("9.95")


async def test_another_process_goes_on(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> None:
    provider.reset()
    url = f"sqlite:///{tmp_path_factory.mktemp('refund') / 'runs.db'}"
    configure(world=url)
    run = await start(refund, RefundRequest("o-1", AMOUNT, ["ann"]))
    await hook_under("refund-approval:o-1")
    await close()  # this worker is gone; what follows is as another process would do it
    configure(world=url, work=False)
    await approvals.resume("o-1", Approval(approved=True, by="ann"))
    await close()
    configure(world=url)
    other = await start(refund, RefundRequest("o-2", AMOUNT, ["ann"]))  # starts a worker, which takes both
    assert await get_run(run.run_id, Refund).result() == Refund("refunded", "re_1")
    assert len(provider.mails) == 2 and len(provider.refunds) == 1
    await other.cancel(grace=0)
    await close()
