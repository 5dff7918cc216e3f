"""What a body decided beside its requests: attributes, patches, and what it no longer waits for."""

from typing import ClassVar

from perdure.model.facts.fact import Fact
from perdure.model.ids import RunId


class AttributesSet(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """None removes a key. Asked for by the body, or (`by_step`, then no request) set by the step under `key`."""

    type: ClassVar[str] = "attr_set"
    changes: dict[str, str | None]
    by_step: bool = False


class PatchMarked(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What `patched(name)` answered at its first call, for the rest of the run."""

    type: ClassVar[str] = "patch_marked"
    name: str
    answer: bool


class RequestsReleased(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Told to people, not replayed: nobody waits for these requests any more (a race's losers, a cancelled step).

    `runs`: those that steps among them were sent to a queue as; they are cancelled.
    """

    type: ClassVar[str] = "requests_released"
    keys: tuple[str, ...]
    runs: tuple[RunId, ...] = ()
