"""One request to one of perdure's own routes, as its handler sees it."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive, Scope

from perdure.errors import HookNotFound
from perdure.http.authorization import Action, Authorize, Target, check
from perdure.http.problem import Problem
from perdure.http.rate import Misses, client_of

KEY_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Call:
    """`parameter` is what the path holds in its variable place, decoded. `request` has no body: that is read once."""

    request: Request
    receive: Receive
    parameter: str
    prefix: str
    authorize: Authorize | None
    misses: Misses

    @property
    def scope(self) -> Scope:
        return self.request.scope

    @property
    def idempotency_key(self) -> str | None:
        """What the client calls this try and its repetitions. Raises: Problem (400)."""
        key = self.request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= KEY_CHARACTERS_MAX:
            raise Problem(400, f"an Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} characters")
        return key

    async def check(self, action: Action, target: Target) -> None:
        """Raises: Problem (401, 403), and what `authorize` may: an unknown hook counts as a guess."""
        try:
            await check(self.authorize, self.request, action, target)
        except HookNotFound:
            self.misses.add(client_of(self.scope))
            raise
