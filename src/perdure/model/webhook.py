"""What a webhook's caller is answered, and on which terms: recorded with its hook, so that any process can answer."""

from msgspec import Struct


class Answer(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An HTTP response as data. Names of headers as they were given."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class WebhookTerms(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`manual`: the run answers each request, within `timeout_ms`. Else `answer` is given at once; None: 202, no body.

    `verify` names the verifier that a request must pass; `body_max` is in bytes; `base_url` is what its URL begins with.
    """

    base_url: str
    manual: bool = False
    answer: Answer | None = None
    verify: str | None = None
    timeout_ms: int = 30_000
    body_max: int = 1_048_576
