"""Facts about hooks, for logs written by hand."""

from perdure.model.event import NOTHING, HookConflict, HookCreated, HookReceived
from perdure.model.ids import RunId
from perdure.model.webhook import WebhookTerms
from tests.core.logs import raw

OTHER = RunId("wrun_0000000000000000000000000Z")
TERMS = WebhookTerms(base_url="https://shop.example")


def hook(
    token: str = "approval:1",
    *,
    random: bool = False,
    metadata: str = "",
    expires_ms: int | None = None,
    webhook: WebhookTerms | None = None,
) -> HookCreated:
    kept = raw(metadata) if metadata else NOTHING
    return HookCreated(token=token, random=random, metadata=kept, expires_ms=expires_ms, webhook=webhook)


def taken(token: str = "approval:1", owner: RunId = OTHER) -> HookConflict:
    """What the World makes of `hook(token)` where another run has the token."""
    return HookConflict(hook=hook(token), owner=owner)


def got(payload: str = "1", rejected: str | None = None) -> HookReceived:
    return HookReceived(payload=raw(payload), rejected=rejected)
