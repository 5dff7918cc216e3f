"""What the simulator says of a workflow that doesn't survive."""

from collections.abc import Sequence

from perdure.errors import PerdureError


class Broken(PerdureError, AssertionError):
    """A workflow comes to something else, or does something twice. Fields: `workflow`, `case` (for `only=`), `expected`,
    `found`, `faults` (the shortest program of them that still does it, in words)."""

    def __init__(self, workflow: str, case: str, expected: str, found: str, faults: Sequence[str]) -> None:
        self.workflow, self.case, self.expected, self.found, self.faults = (
            workflow,
            case,
            expected,
            found,
            tuple(faults),
        )
        told = (
            "".join(f"\n  {number}. {fault}" for number, fault in enumerate(faults, 1))
            or " none but the order of things"
        )
        super().__init__(
            f"{workflow} doesn't survive: expected {expected}, found {found}.\n"
            f"Faults:{told}\nThe same again: simulate(…, only={case!r})"
        )
