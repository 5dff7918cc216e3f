"""Webhooks over HTTP: whoever knows the URL may call it, in any way, within the terms that its workflow has set."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.webhook import WebhookRequest, find_webhook, receive
from perdure.errors import EncodeError, HookNotFound
from perdure.http.body import read_body
from perdure.http.call import Call
from perdure.http.ending import LINGER_S, ending
from perdure.http.problem import Problem
from perdure.http.rate import client_of
from perdure.http.verify import VERIFIERS, SignatureInvalid
from perdure.model.webhook import Answer, WebhookTerms

OURS = frozenset(("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"))
"""Headers that belong to the connection: the server's to set."""
logger = logging.getLogger("perdure")


async def take_request(call: Call) -> Response:
    """What the webhook answers; 404 without a body where there is none, so that a guess learns nothing."""
    token, client = call.parameter, client_of(call.scope)
    call.misses.admit(client)
    try:
        found, terms = await find_webhook(token)
        body = await read_body(call.scope, call.receive, terms.body_max)
        request = _request(call, terms, body)
        await _verify(terms, request)
        return _response(await _within_ending(receive(found, terms, request)))
    except HookNotFound:
        call.misses.add(client)
        return Response(status_code=404)
    except EncodeError:
        raise Problem(413, "the request is too large to be recorded") from None
    except TimeoutError:
        raise Problem(504, "the run did not answer in time", kind="webhook-timeout") from None


def _request(call: Call, terms: WebhookTerms, body: bytes) -> WebhookRequest:
    request = call.request
    return WebhookRequest(
        method=request.method,
        url=_url(call, terms),
        header_pairs=tuple(Headers(scope=call.scope).items()),
        query=dict(request.query_params),
        body=body,
    )


def _url(call: Call, terms: WebhookTerms) -> str:
    """As the caller has it, who sees the base and not what a proxy made of it."""
    if not terms.base_url:
        return str(call.request.url)
    query = call.scope.get("query_string", b"").decode("latin-1")
    path = call.request.url.path
    return f"{terms.base_url}{path}" + (f"?{query}" if query else "")


async def _verify(terms: WebhookTerms, request: WebhookRequest) -> None:
    """Raises: Problem (401; 503 where the verifier isn't known here)."""
    if terms.verify is None:
        return
    verifier = VERIFIERS.get(terms.verify)
    if verifier is None:
        logger.error(
            "a webhook asks for the verifier %r, which this process doesn't have: make it here too", terms.verify
        )
        raise Problem(503, "the signature can't be checked here")
    now_s = (await CONNECTION.engine()).world.now_ms() / 1000
    try:
        verifier.check(request.method, request.url, request.headers, request.body, now_s)
    except SignatureInvalid as error:
        logger.warning("a webhook's request was refused by the verifier %r: %s", terms.verify, error.reason)
        raise Problem(401, "the signature is missing, wrong or too old", kind="signature-invalid") from None


async def _within_ending(answering: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer. A server that goes down doesn't wait for it. Raises: TimeoutError, as `answering`."""
    answer, down = asyncio.create_task(answering), asyncio.create_task(ending().wait())
    try:
        await asyncio.wait((answer, down), return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(None if answer.done() else LINGER_S):
            return await answer
    finally:
        for task in (answer, down):
            task.cancel()
        await asyncio.gather(answer, down, return_exceptions=True)


def _response(answer: Answer) -> Response:
    response = Response(b"" if answer.status in (204, 304) else answer.body, answer.status)
    for name, value in answer.headers:
        if name.lower() not in OURS:
            response.raw_headers.append((name.lower().encode("latin-1"), _bytes(value)))
    return response


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
