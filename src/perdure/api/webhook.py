"""Webhooks: hooks with a URL, whose payloads are HTTP requests, and whose callers may be answered by the run.

The answer of a run travels in a stream of its own, which whoever holds the caller's connection follows: so it is durable,
and comes across processes.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol
from urllib.parse import quote

import msgspec
from msgspec import Raw

from perdure.api.connect import CONNECTION, base_url
from perdure.api.hook import Hook, new_hook
from perdure.api.stream import HIDDEN
from perdure.codec.trust import register
from perdure.codec.value import decode, encode
from perdure.engine.hook import FoundHook, find_hook, resume
from perdure.errors import HookNotFound, NotInWorkflow, PayloadInvalid, StreamClosed, UsageError
from perdure.model.duration import Duration, duration_ms
from perdure.model.ids import RunId
from perdure.model.webhook import Answer, WebhookTerms
from perdure.replay.body import current_body
from perdure.replay.hook import BodyHook
from perdure.replay.scope import Attempt, current_attempt
from perdure.replay.stream import close_stream, write_stream

ROUTE = "/.well-known/workflow/v1/webhook/"
BODY_MAX = 1024 * 1024


class Verifier(Protocol):
    """Checks signatures: see `perdure.http.verify`. The log holds its name, never its secrets."""

    @property
    def name(self) -> str: ...


class Headers(Mapping[str, str]):
    """Headers by name, in any case; of those that came twice, the values joined by a comma (RFC 9110, 5.3)."""

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            known = self._values.get(name.lower())
            self._values[name.lower()] = value if known is None else f"{known}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self._values!r})"


@dataclass(frozen=True)
class WebhookResponse:
    """What a webhook's caller gets. `body`: bytes or text as they are, None for none, anything else as JSON. `status`: 200 to
    599; `headers` by name, which say the body's type where that isn't it. Raises: UsageError."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 599:
            raise UsageError(f"status={self.status} is no answer's: give 200 to 599")

    def recorded(self) -> Answer:
        """As it is recorded. Raises: UsageError for a body that isn't JSON, or a header that can't be sent."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        for name, value in headers.items():
            if not name or not (name + value).isprintable() or not name.isascii() or ":" in name:
                raise UsageError(f"the header {name!r} can't be sent: its name or value holds what no header may")
        match self.body:
            case None:
                body = b""
            case bytes():
                body = self.body
                headers.setdefault("content-type", "application/octet-stream")
            case str():
                body = self.body.encode()
                headers.setdefault("content-type", "text/plain; charset=utf-8")
            case _:
                try:
                    body = msgspec.json.encode(self.body)
                except (TypeError, ValueError) as error:
                    raise UsageError(f"the body of a webhook's response is no JSON: {error}") from None
                headers.setdefault("content-type", "application/json")
        return Answer(status=self.status, headers=tuple(headers.items()), body=body)


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """An HTTP request that a webhook received. `query`: of a name that came twice, the last value. `body` is empty where
    there was none. `header_pairs` are all headers, as they came. `run_id` is that of the run which has received it, `reply`
    where its answer goes."""

    method: str
    url: str
    header_pairs: tuple[tuple[str, str], ...] = ()
    query: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    run_id: str = ""
    reply: str = ""

    @property
    def headers(self) -> Headers:
        """By name, in any case; of those that came twice, the values joined by a comma."""
        return Headers(self.header_pairs)

    def text(self) -> str:
        """The body as UTF-8; what isn't becomes �."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises: PayloadInvalid (a ValueError), which no step is retried for."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PayloadInvalid("request.body", f"it is no JSON ({error})") from None

    async def respond_with(self, response: WebhookResponse) -> None:
        """Answer the caller of a webhook that was created with `respond_with="manual"`; in its workflow or a step, once.

        An answer after the webhook's timeout reaches nobody: the caller has had its 504. In a step that is tried again after
        it has answered, it does nothing: the caller has that answer.

        Raises: UsageError where the webhook answers by itself or the request was answered before; NotInWorkflow.
        """
        if not self.reply:
            raise UsageError(
                "this webhook answers by itself: create it with respond_with='manual' to answer in the run"
            )
        data, run_id = encode(msgspec.to_builtins(response.recorded()), "response"), RunId(self.run_id)
        body, attempt = current_body(), current_attempt()
        try:
            if body is not None:
                write_stream(body, run_id, self.reply, Raw(data))
                close_stream(body, run_id, self.reply)
            elif attempt is not None:
                attempt.write(run_id, self.reply, data)
                attempt.write(run_id, self.reply, None)
                await attempt.drain(run_id, self.reply)
            else:
                raise NotInWorkflow("respond_with", "only the workflow that received the request, or its step, answers")
        except StreamClosed:
            if attempt is None or not await _answered_before(attempt, run_id, self.reply):
                raise UsageError("this request has been answered already") from None


async def _answered_before(attempt: Attempt, run_id: RunId, reply: str) -> bool:
    """Whether an earlier attempt of this step has answered."""
    page = await (await CONNECTION.engine()).world.streams.read(run_id, reply, 0, 1)
    return page is not None and any(
        chunk.step_id == attempt.step_id and chunk.attempt < attempt.attempt for chunk in page.chunks
    )


register(WebhookRequest, name="perdure:WebhookRequest")


class Webhook(Hook[WebhookRequest]):
    """A Hook of WebhookRequest, with a URL: `await` it for the next request."""

    def __init__(self, hook: BodyHook) -> None:
        super().__init__(hook)
        terms = hook.created.webhook
        self._base_url = terms.base_url if terms is not None else ""

    @property
    def url(self) -> str:
        """Where requests go. Raises: UsageError where nobody said what URLs begin with."""
        if not self._base_url:
            raise UsageError(
                "a webhook's URL needs to know where this app is reached: configure(base_url=…) or PERDURE_BASE_URL"
            )
        return f"{self._base_url}{ROUTE}{quote(self.token, safe='')}"

    async def __aenter__(self) -> "Webhook":
        await super().__aenter__()
        return self


def create_webhook(
    *,
    respond_with: WebhookResponse | Literal["manual"] | None = None,
    verify: Verifier | None = None,
    timeout: Duration = "30s",
    token: str | None = None,
    metadata: Any = None,
    expires: Duration | None = None,
    max_body: int = BODY_MAX,
) -> Webhook:
    """Wait for HTTP requests, in a workflow: `async with create_webhook() as webhook: await mail(webhook.url); …`.

    * `respond_with`: what callers get; without it 202. With "manual" what the run answers within `timeout`, else 504.
    * `verify` lets only signed requests through, and is recorded by its name alone. A `token` of one's own is allowed only
      with it, since a guessed URL is an open door.
    * `metadata` and `expires`: as for `create_hook`.
    * `max_body`: in bytes; more is 413.

    Raises: NotInWorkflow, UsageError, EncodeError, DurationInvalid.
    """
    if token is not None and verify is None:
        raise UsageError(
            "a webhook with a token of one's own can be guessed: give verify=… too, or leave the token out"
        )
    if not (respond_with is None or respond_with == "manual" or isinstance(respond_with, WebhookResponse)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"respond_with={respond_with!r} is neither a WebhookResponse nor 'manual'")
    if max_body < 1:
        raise UsageError(f"max_body={max_body} lets no request through: give at least 1 byte")
    terms = WebhookTerms(
        base_url=base_url(),
        manual=respond_with == "manual",
        answer=respond_with.recorded() if isinstance(respond_with, WebhookResponse) else None,
        verify=None if verify is None else verify.name,
        timeout_ms=duration_ms(timeout),
        body_max=max_body,
    )
    hook = new_hook("webhook", WebhookRequest, token=token, metadata=metadata, expires=expires, terms=terms)
    return Webhook(hook)


async def find_webhook(token: str) -> tuple[FoundHook, WebhookTerms]:
    """The webhook with this token, for who serves its URL. Raises: HookNotFound, also for a hook that is none."""
    found = await find_hook(await CONNECTION.engine(), token)
    if found.created.webhook is None:
        raise HookNotFound(token)
    return found, found.created.webhook


async def receive(found: FoundHook, terms: WebhookTerms, request: WebhookRequest) -> Answer:
    """Hand a request to its run, durably, and get what its caller is answered.

    Raises: HookNotFound, TimeoutError where the run doesn't answer in time, or has ended without.
    """
    engine = await CONNECTION.engine()
    run_id = found.record.run_id
    reply = f"{HIDDEN}reply/{engine.entropy.token()}" if terms.manual else ""
    await resume(engine, found, encode(replace(request, run_id=run_id, reply=reply), "payload"))
    if not terms.manual:
        return terms.answer or Answer(status=202)
    pages = engine.readers.pages(run_id, reply, 0)
    async with asyncio.timeout(terms.timeout_ms / 1000), aclosing(pages):
        async for page in pages:
            return msgspec.convert(decode(page[0].data), Answer)
    raise TimeoutError("the run ended without an answer")
