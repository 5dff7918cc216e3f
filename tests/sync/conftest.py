"""A World of its own for each test, in memory."""

from collections.abc import Iterator

import pytest

from perdure import sync
from perdure.sync import configure


@pytest.fixture(autouse=True)
def fresh_world() -> Iterator[None]:
    configure(world="memory://")
    yield
    sync.close()
