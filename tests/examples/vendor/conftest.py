"""The vendor's app, reachable, and a carrier with new books."""

import pytest

from examples.vendor.workflows import bookings


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_BASE_URL", "https://app.example")
    bookings.clear()
