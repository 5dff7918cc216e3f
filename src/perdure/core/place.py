"""Places in the task tree, from which requests get their keys.

A place numbers the tasks that it creates and counts its requests by kind and name. Branches may interleave in any order
and still arrive at the same keys, and a step added to one branch shifts nothing in another.
"""

from msgspec import Struct


class Place(Struct, eq=False):
    """One task's place: `path` is "0" for the main task, "0.2" for the second task that it creates, and so on."""

    path: str = "0"
    _children: int = 0
    _occurrences: dict[str, int] = {}

    def child(self) -> "Place":
        """The place of the next task that this one creates."""
        self._children += 1
        return Place(f"{self.path}.{self._children}")

    def key(self, kind: str, name: str = "") -> str:
        """The key of the next request of this kind and name: `path/kind:name#n`, n from 0."""
        what = f"{kind}:{name}" if name else kind
        occurrence = self._occurrences.get(what, 0)
        self._occurrences[what] = occurrence + 1
        return f"{self.path}/{what}#{occurrence}"
