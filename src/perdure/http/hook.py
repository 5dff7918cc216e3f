"""Hooks over HTTP: who holds a token sends a payload. One that can't be used looks the same, whatever the reason."""

from starlette.responses import Response

from perdure.api.hook import get_hook, resume_hook
from perdure.errors import HookNotFound
from perdure.http.answer import answered
from perdure.http.authorization import Target
from perdure.http.body import read_json
from perdure.http.call import Call
from perdure.http.rate import client_of


async def send_payload(call: Call) -> Response:
    """202 once the payload is accepted, durably and in order."""
    token, client = call.parameter, client_of(call.scope)
    call.misses.admit(client)
    await call.check("hook:resume", Target("hook", token))
    payload = await read_json(call.scope, call.receive)
    try:
        await refuse_webhooks(token)
        hook = await resume_hook(token, payload, idempotency_key=call.idempotency_key)
    except HookNotFound:
        call.misses.add(client)
        raise
    return answered({"runId": hook.run_id, "hookId": hook.hook_id}, 202)


async def refuse_webhooks(token: str) -> None:
    """A webhook's payloads are requests, and its own route checks who signed them. Raises: HookNotFound."""
    if (await get_hook(token, closed_too=True)).webhook:
        raise HookNotFound(token)
