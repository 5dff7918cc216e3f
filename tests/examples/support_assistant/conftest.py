"""Each test has a shop that has refunded nothing yet; and the model doesn't pause."""

from collections.abc import Iterator

import pytest

from examples.support_assistant import model, shop


@pytest.fixture(autouse=True)
def new_books(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(model, "PAUSE_S", 0)
    shop.refunds.clear()
    yield
    shop.refunds.clear()
