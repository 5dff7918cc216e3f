"""A webhook's request in the hands of a sync step, which may answer it."""

from typing import Any

from perdure.api.webhook import Headers
from perdure.api.webhook import WebhookRequest as AsyncRequest
from perdure.codec.trust import register_stand_in
from perdure.sync.blocking import BlockingMethod


class WebhookRequest:
    """An HTTP request that a webhook received; `respond_with` blocks, all else is as in `perdure.WebhookRequest`.

    A parameter of a sync step that is annotated as this gets one, whichever of the two it was handed. `as_async` is the
    one for async code, and what this is made from.
    """

    def __init__(self, request: AsyncRequest) -> None:
        self.as_async = request
        self.method, self.url, self.query, self.body = request.method, request.url, request.query, request.body
        self.run_id = request.run_id

    def __repr__(self) -> str:
        return repr(self.as_async)

    @property
    def headers(self) -> Headers:
        """As `perdure.WebhookRequest.headers`."""
        return self.as_async.headers

    def text(self) -> str:
        """The body as UTF-8; what isn't becomes �."""
        return self.as_async.text()

    def json(self) -> Any:
        """The body as JSON. Raises: PayloadInvalid (a ValueError), which no step is retried for."""
        return self.as_async.json()

    respond_with = BlockingMethod(AsyncRequest.respond_with)


register_stand_in(WebhookRequest, AsyncRequest, wrap=WebhookRequest, unwrap=lambda request: request.as_async)
