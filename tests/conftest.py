"""What every test shares: the event loop's kind, Hypothesis without a clock, and settings that don't outlive a test."""

from collections.abc import Iterator

import hypothesis
import pytest

from perdure.api.connect import CONNECTION

# The machine may be busy: how long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile("perdure", deadline=None)
hypothesis.settings.load_profile("perdure")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def settings_as_before() -> Iterator[None]:
    """What a test configures is no other test's: a lab, say, seals what it writes with the keys that there are."""
    names = ("base_url", "capture_logs", "deployment", "keys", "retention", "telemetry")
    before = {name: getattr(CONNECTION, name) for name in names}
    yield
    for name, value in before.items():
        setattr(CONNECTION, name, value)
