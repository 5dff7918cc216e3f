"""What every test shares: the event loop's kind, and Hypothesis without a clock."""

import hypothesis
import pytest

# The machine may be busy: how long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile("perdure", deadline=None)
hypothesis.settings.load_profile("perdure")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
