"""What every verifier is: a name, secrets that nobody sees, and the check. Which headers hold what is the kinds' affair."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from perdure.api.options import check_text
from perdure.errors import DuplicateName, UsageError
from perdure.http.verify.signature import digests
from perdure.model.duration import Duration, duration_ms

PACKAGE = __name__.rpartition(".")[0]
TOLERANCE = "5m"
"""As Standard Webhooks, Stripe and Slack advise."""


class Verifier(ABC):
    """Lets only signed requests through. For a provider that isn't here: derive from it, give `kind` and `check`, with
    the help of `header`, `check_time`, `digests` and `check_match`.

    `secrets`: several are for the time of a rotation: a request that one of them signed is let through. `name`: what a run's
    log has of it, and by which the process that serves the webhook's URL finds it; the `kind`, unless given.

    Raises: UsageError, DuplicateName.
    """

    kind: ClassVar[str]

    def __init__(self, *secrets: str | bytes, name: str | None = None) -> None:
        check_text("name", name)
        if name == "":
            raise UsageError("a verifier was given an empty name: leave it out, or say whose requests it checks")
        self.name: str = name or self.kind
        if not secrets:
            raise UsageError(f"the verifier {self.name!r} was given no secret: without one it can't check anything")
        self._keys: tuple[bytes, ...] = tuple(self._checked_key(secret) for secret in secrets)
        self._place = _place()
        self._register()

    def __repr__(self) -> str:
        of = f"{len(self._keys)} secrets" if len(self._keys) > 1 else "1 secret"
        return f"<verifier {self.name}: {type(self).__name__}, {of}>"

    @abstractmethod
    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        """Let a request through, or raise. `headers` by name, in any case; `body` byte by byte as it came; `now_s` in
        seconds since the epoch. Raises: SignatureInvalid."""

    def digests(self, *parts: bytes) -> list[bytes]:
        """HMAC-SHA256 of the parts together, by each of the secrets."""
        return digests(self._keys, *parts)

    def key_of(self, secret: str | bytes) -> bytes:
        """The key in a secret as people have it. Raises: ValueError, which says what is wrong, and not with what."""
        return secret.encode() if isinstance(secret, str) else bytes(secret)

    def _checked_key(self, secret: object) -> bytes:
        """Raises: UsageError. No sentence shows a secret."""
        if not isinstance(secret, str | bytes):
            kind = type(secret).__name__
            raise UsageError(f"the verifier {self.name!r} was given a secret of type {kind}: is its variable set?")
        if isinstance(secret, str) and secret != secret.strip():  # as of a line that was read from a file
            raise UsageError(f"the verifier {self.name!r} was given a secret with white space around it: strip it")
        try:
            key = self.key_of(secret)
        except ValueError as error:
            why = "it is no text" if isinstance(error, UnicodeEncodeError) else error  # that one would show it
            raise UsageError(f"the verifier {self.name!r} was given a secret that is none: {why}") from None
        if not key:
            raise UsageError(f"the verifier {self.name!r} was given an empty secret: is its variable set?")
        return key

    def _register(self) -> None:
        """The same again is harmless, as when a module is reloaded."""
        known = VERIFIERS.get(self.name)
        if known is not None and known._identity() != self._identity():
            raise DuplicateName(self.name, known._place, self._place)
        VERIFIERS[self.name] = self

    def _identity(self) -> object:
        """What two verifiers of one name must share."""
        return type(self).__module__, type(self).__qualname__, frozenset(self._keys)


class TimedVerifier(Verifier):
    """One whose requests say when they were signed: outside of `tolerance`, past or future, they are refused."""

    def __init__(self, *secrets: str | bytes, name: str | None = None, tolerance: Duration = TOLERANCE) -> None:
        self._tolerance_s = duration_ms(tolerance) / 1000
        if self._tolerance_s < 1:
            raise UsageError(f"tolerance={tolerance!r} lets no request through, they tell whole seconds: give more")
        super().__init__(*secrets, name=name)

    def _identity(self) -> object:
        return super()._identity(), self._tolerance_s


VERIFIERS: dict[str, Verifier] = {}
"""Those of this process, by name: how who serves a webhook finds the one that it asks for."""


def _place() -> str:
    """`file:line` of whoever makes a verifier."""
    frame = sys._getframe()  # pyright: ignore[reportPrivateUsage] - `inspect` would read the sources of the whole stack
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
