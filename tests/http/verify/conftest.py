"""No verifier of one test is known to another."""

from collections.abc import Iterator

import pytest

from perdure.http.verify import VERIFIERS


@pytest.fixture(autouse=True)
def no_verifiers() -> Iterator[None]:
    known = dict(VERIFIERS)
    VERIFIERS.clear()
    yield
    VERIFIERS.clear()
    VERIFIERS.update(known)
