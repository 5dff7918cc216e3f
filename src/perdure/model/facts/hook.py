"""A hook: its registration, what it received, and its end."""

from typing import ClassVar

from msgspec import Raw

from perdure.model.facts.fact import NOTHING, Fact
from perdure.model.ids import RunId
from perdure.model.webhook import WebhookTerms


class HookCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A body waits for payloads from outside, under a token. `random`: the token was made here, not given.

    From `expires_ms` on no payload is accepted. `webhook`: the terms on which an HTTP request becomes a payload.
    """

    type: ClassVar[str] = "hook_created"

    token: str
    random: bool = False
    metadata: Raw = NOTHING
    expires_ms: int | None = None
    webhook: WebhookTerms | None = None


class HookConflict(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What the World made of a `hook_created` whose token another run, `owner`, holds: this hook gets nothing.

    Its payload in the log is the hook's; the owner stands beside it.
    """

    type: ClassVar[str] = "hook_conflict"

    hook: HookCreated
    owner: RunId


class HookReceived(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`sent_ms`: when it was sent, by its sender's idea of the store's clock; what was due before is told before.

    `rejected`: why the payload doesn't fit the hook's type, path first; then the body doesn't get it. `by`: who sent it,
    where that was said.
    """

    type: ClassVar[str] = "hook_received"

    payload: Raw
    sent_ms: int = 0
    rejected: str | None = None
    by: str | None = None


class HookExpired(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The hook's time is over; every payload that was accepted before stands before it."""

    type: ClassVar[str] = "hook_expired"

    due_ms: int


class HookDisposed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body gave the hook's token back, or is about to end and mail keeps it from that. Told to people and the World,
    not replayed: the body does so by itself."""

    type: ClassVar[str] = "hook_disposed"
