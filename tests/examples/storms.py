"""How many storms each example goes through: some in the tests of every day, thousands in `make survive`."""

import os

STORMS = int(os.environ.get("STORMS", "150"))


def storms(ways: int) -> int:
    """For each of the ways that an example can go."""
    return STORMS // ways
