"""The systems that hold personal data: what real ones' APIs would be, in this process."""

from collections import Counter
from dataclasses import dataclass, field


class Unavailable(Exception):
    """A system is down for a while."""


@dataclass
class System:
    """`held`: records by person. `erased` has what was done for each idempotency key. `outages`: calls that fail first."""

    held: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    erased: Counter[str] = field(default_factory=Counter[str])
    outages: int = 0

    def find(self, person: str) -> list[str]:
        self._answer()
        return self.held.get(person, [])

    def erase(self, person: str, key: str) -> int:
        self._answer()
        if key not in self.erased:
            self.erased[key] = len(self.held.pop(person, []))
        return self.erased[key]

    def _answer(self) -> None:
        if self.outages:
            self.outages -= 1
            raise Unavailable("503 from a system that holds personal data")


systems: dict[str, System] = {}
mails: dict[str, tuple[str, str]] = {}
"""To whom, and what, by idempotency key: a mail with a key that was seen before isn't sent."""


def reset() -> None:
    """As it is on the first day: a customer, in three systems."""
    systems.clear()
    mails.clear()
    systems.update(
        crm=System({"ann@example.org": ["name", "address"]}),
        billing=System({"ann@example.org": ["invoice 1", "invoice 2"]}),
        support=System({"ann@example.org": ["ticket 7"]}),
    )


reset()
