"""Bytes on their way: JSON names them by their place in one array, for it can't hold them."""

from collections.abc import Sequence


class Data:
    """Places count from 1, as PostgreSQL's arrays do."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def put(self, value: bytes) -> int:
        self.values.append(value)
        return len(self.values)

    def put_all(self, values: Sequence[bytes]) -> int:
        """The place of the first; the others follow."""
        self.values += values
        return len(self.values) - len(values) + 1
