"""How long a lease lasts."""

import pytest

from perdure.model.ids import WorkerId
from perdure.world.ownership import WorkerRecord


@pytest.mark.parametrize(("until_ms", "leased"), [(11, True), (10, False), (9, False)])
def test_a_lease_is_over_at_its_end(until_ms: int, leased: bool) -> None:
    record = WorkerRecord(
        worker_id=WorkerId("w"), lease_until_ms=until_ms, now_ms=10, process="", workflows=(), deployment="", runs=0
    )
    assert record.leased is leased
