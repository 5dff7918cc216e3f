"""Hooks: where a workflow waits for payloads from outside, and how outsiders send them."""

from collections.abc import AsyncIterator, Generator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from msgspec import Raw

from perdure.api.connect import CONNECTION
from perdure.api.info import hook_found
from perdure.api.options import check_by, check_text
from perdure.api.records import HookInfo, Listing, Page
from perdure.codec.schema import json_schema
from perdure.codec.value import decode, encode
from perdure.engine.engine import Engine
from perdure.engine.hook import FoundHook, find_hook, read_hook, resume
from perdure.errors import DecodeError, DuplicateName, NotInWorkflow, PayloadInvalid, UsageError
from perdure.model.duration import Duration, moment_ms
from perdure.model.event import NOTHING, HookCreated
from perdure.model.ids import RunId
from perdure.model.webhook import WebhookTerms
from perdure.replay.body import Body, current_body
from perdure.replay.hook import BodyHook, NextPayload, open_hook
from perdure.replay.scope import current_attempt
from perdure.world.hook import HookFilter, HookRecord

if TYPE_CHECKING:  # for type checkers alone: it costs as much to import as all of the engine
    from typing_extensions import TypeForm

T = TypeVar("T")
TOKEN_CHARACTERS_MAX = 512


class Hook(NextPayload, Generic[T]):
    """A hook of the running workflow. `token` is how payloads reach it: hand it to a step, which hands it to who shall
    answer.

    * `async with hook`: entering registers it durably, and raises HookConflict if an open hook has the token; leaving frees
      the token. Without a block it is registered with the turn. The end of the run frees the token too.
    * `await hook`: the next payload. HookExpired when its time is over and none is left, HookConflict, UsageError once it
      is disposed.
    * `async for payload in hook`: all payloads, in order of acceptance, until it has expired or is disposed.

    Payloads that come while the workflow does something else wait, in order. A hook that loses a race keeps its payload. No
    step of the run begins before its hooks are registered: whoever learns a token from a step can use it.
    """

    def __init__(self, hook: BodyHook) -> None:
        super().__init__(hook)
        self.token: str = hook.created.token

    def __repr__(self) -> str:
        return f"<hook {self._hook.key}>"

    def __await__(self) -> Generator[Any, Any, T]:
        """The next payload. Raises: HookConflict, HookExpired once none is left, UsageError once it is disposed."""
        return super().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if not await self._hook.waits():
            raise StopAsyncIteration
        return await self._hook.take()

    async def __aenter__(self) -> "Hook[T]":
        try:
            await self._hook.registered()
        except Exception:
            raise
        except BaseException:  # cancelled while it was on its way: nobody will leave the block
            self._hook.dispose()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._hook.dispose()

    async def dispose(self) -> None:
        """Give the token back: senders get HookNotFound from then on. A second time does nothing."""
        self._hook.dispose()


@overload
def create_hook(*, token: str | None = None, metadata: Any = None, expires: Duration | None = None) -> Hook[Any]: ...
@overload
def create_hook(
    type: "TypeForm[T]", *, token: str | None = None, metadata: Any = None, expires: Duration | None = None
) -> Hook[T]: ...
def create_hook(
    type: Any = Any, *, token: str | None = None, metadata: Any = None, expires: Duration | None = None
) -> Hook[Any]:
    """Wait for payloads from outside, in a workflow: `async with create_hook(Approval, token=…) as approval: …`.

    * `type` is what payloads are read as: a dataclass, pydantic model, msgspec Struct, or plain types. One that doesn't fit
      is recorded as rejected, and the hook waits on.
    * `token` is how senders reach it: 1 to 512 characters, best `what:which`, as `approval:o-1`. Without one it is made of
      192 random bits, and is a secret. The store looks tokens up by their hash.
    * `metadata` is for senders to look at: who may approve, say.
    * After `expires` nothing is accepted; what was accepted before is still delivered.

    Raises: NotInWorkflow, UsageError, EncodeError, DurationInvalid.
    """
    _check_token(token)
    return Hook(new_hook("hook", type, token=token, metadata=metadata, expires=expires))


def new_hook(
    kind: str,
    type: Any,
    *,
    token: str | None,
    metadata: Any,
    expires: Duration | None,
    terms: WebhookTerms | None = None,
    prefix: str = "",
) -> BodyHook:
    """Ask for a hook in the running body. A random token, behind the prefix, and a webhook's terms are those that were
    recorded."""
    body = current_body()
    if body is None:
        raise NotInWorkflow(f"create_{kind}", "only a workflow waits for payloads; to send one use resume_hook")
    kept = NOTHING if metadata is None else Raw(encode(metadata, "metadata"))
    expires_ms = None if expires is None else moment_ms(expires, body.loop.now_ms)

    def make(recorded: HookCreated | None) -> HookCreated:
        known_terms = recorded.webhook if recorded is not None else None
        return HookCreated(
            token=token or _random_token(body, recorded, prefix),
            random=token is None,
            metadata=kept,
            expires_ms=expires_ms,
            webhook=terms and (known_terms or terms),
        )

    return open_hook(body, kind, make, type)


def _random_token(body: Body, recorded: HookCreated | None, prefix: str) -> str:
    return recorded.token if recorded is not None and recorded.random else prefix + body.new_token()


def _check_token(token: str | None) -> None:
    check_text("token", token)
    if token is not None and not 0 < len(token) <= TOKEN_CHARACTERS_MAX:
        raise UsageError(f"a token has 1 to {TOKEN_CHARACTERS_MAX} characters, this one has {len(token)}")


class HookDefinition(Generic[T]):
    """A kind of hook: its type, and the prefix of its tokens. `create` is for workflows, the rest for everybody."""

    def __init__(self, type: Any, prefix: str) -> None:
        self.type, self.prefix = type, prefix

    def __repr__(self) -> str:
        return f"<hooks {self.prefix}:…>"

    def token(self, key: object) -> str:
        """The token of the hook for this key: `prefix:key`. Raises: UsageError for an empty key."""
        text = str(key)
        if not text:
            raise UsageError(f"a hook of {self.prefix!r} was given an empty key: name what it is about")
        return f"{self.prefix}:{text}"

    def create(self, key: object = None, *, metadata: Any = None, expires: Duration | None = None) -> Hook[T]:
        """As `create_hook`, with the token for this `key`; without one the key is made of 192 random bits."""
        if key is not None:
            return create_hook(self.type, token=self.token(key), metadata=metadata, expires=expires)
        made = new_hook("hook", self.type, token=None, metadata=metadata, expires=expires, prefix=f"{self.prefix}:")
        return Hook(made)

    async def get(self, key: object) -> HookInfo:
        """The hook that takes payloads for this key, as `get_hook`. Raises: HookNotFound, WorldError."""
        return await get_hook(self.token(key))

    async def resume(
        self, key: object, payload: T, *, idempotency_key: str | None = None, by: str | None = None
    ) -> HookInfo:
        """Send a payload that fits the type, as `resume_hook`. Raises: PayloadInvalid before anything is written,
        HookNotFound, PayloadConflict, EncodeError, UsageError, WorldError."""
        return await resume_hook(self.token(key), payload, idempotency_key=idempotency_key, by=by)


DEFINITIONS: dict[str, HookDefinition[Any]] = {}
"""Kinds of hooks by prefix: a sender in whose process the kind is known has its payloads checked before they are sent."""


@overload
def define_hook(*, prefix: str) -> HookDefinition[Any]: ...
@overload
def define_hook(type: "TypeForm[T]", *, prefix: str) -> HookDefinition[T]: ...
def define_hook(type: Any = Any, *, prefix: str) -> HookDefinition[Any]:
    """A kind of hook, defined once in a module: `approvals = define_hook(Approval, prefix="approval")`.

    Payloads are read as `type`, as for `create_hook`. Its tokens are `prefix:key`: deterministic, and namespaced. Raises:
    UsageError for an unusable prefix, DuplicateName where another type has it.
    """
    check_text("prefix", prefix)
    if not prefix or ":" in prefix:
        raise UsageError(f"prefix={prefix!r} can't begin a token: give a word without colons")
    known = DEFINITIONS.get(prefix)
    if known is not None and _type_name(known.type) != _type_name(type):
        raise DuplicateName(f"{prefix}:", f"a hook of {_type_name(known.type)}", f"a hook of {_type_name(type)}")
    made: HookDefinition[Any] = HookDefinition(type, prefix)
    DEFINITIONS[prefix] = made
    return made


def _type_name(type_: Any) -> str:
    return f"{type_.__module__}.{type_.__qualname__}" if hasattr(type_, "__qualname__") else repr(type_)


async def resume_hook(
    token: str, payload: Any = None, *, idempotency_key: str | None = None, by: str | None = None
) -> HookInfo:
    """Send a payload to the hook with this token; it is accepted, durably and in order, when this returns, whether the run
    waits, works, sleeps or has no live worker.

    Where the token's prefix is that of a `define_hook` of this process, the payload is checked before it is sent; else
    at its delivery. With an `idempotency_key` a second try is accepted without effect; with another payload (compared as
    values) it is PayloadConflict. In a step, a retried attempt sends the same payload once. `by`: who sends it, for the log,
    as for a run's verbs.
    Raises: HookNotFound, PayloadInvalid, PayloadConflict, EncodeError, UsageError, WorldError.
    """
    check_text("idempotency_key", idempotency_key)
    check_by(by)
    engine = await CONNECTION.engine()
    encoded = encode(payload, "payload")
    _check_payload(token, encoded)
    attempt = current_attempt()
    if attempt is not None and idempotency_key is None:
        idempotency_key = f"{attempt.next_start_key()}/{blake2b(encoded, digest_size=16).hexdigest()}"
    found = await find_hook(engine, token, closed_too=idempotency_key is not None)
    await resume(engine, found, encoded, idempotency_key, by)
    return hook_found(found)


async def get_hook(token: str, *, closed_too: bool = False) -> HookInfo:
    """The hook that takes payloads under this token; with `closed_too`, where there is none, the last that did.

    The latter is for who asks whether somebody may resume it: a sender that tries again, after a lost answer, must be
    let through even when the run has ended. Raises: HookNotFound, WorldError.
    """
    return hook_found(await find_hook(await CONNECTION.engine(), token, closed_too=closed_too))


def list_hooks(*, limit: int = 20, cursor: str | None = None) -> Listing[HookInfo]:
    """Hooks that wait, those of the newest runs first: awaited, a Page; with `async for`, all. Raises: UsageError."""
    if limit < 1:
        raise UsageError(f"limit={limit} asks for no hooks: give at least 1")

    async def page(cursor: str | None) -> Page[HookInfo]:
        return await waiting_hooks(await CONNECTION.engine(), limit, cursor)

    return Listing(page, cursor)


async def waiting_hooks(engine: Engine, limit: int, cursor: str | None) -> Page[HookInfo]:
    """A page of `list_hooks`. Raises: UsageError, WorldError."""
    records = await engine.world.hooks.list(HookFilter(limit=limit, before=_place_in_list(cursor)))
    found = [await _listed(engine, record) for record in records]
    more = f"{records[-1].run_id}:{records[-1].seq}" if records and len(records) == limit else None
    return Page(items=tuple(each for each in found if each is not None), cursor=more)


async def _listed(engine: Engine, record: HookRecord) -> HookInfo | None:
    try:
        found = await read_hook(engine, record)
    except DecodeError:  # one run's log, of a newer version perhaps, or sealed: the others are shown all the same
        found = FoundHook(record, HookCreated(token="(unreadable)", expires_ms=record.expires_at_ms))
    return None if found is None else hook_found(found)


def _place_in_list(cursor: str | None) -> tuple[RunId, int] | None:
    if not cursor:
        return None
    run_id, _, seq = cursor.rpartition(":")
    if not (seq.isascii() and seq.isdigit()):
        raise UsageError(f"cursor={cursor!r} is none that a page of hooks gave")
    return RunId(run_id), int(seq)


def payload_schema(token: str) -> dict[str, Any] | None:
    """What payloads for this token look like, as JSON Schema; None where this process doesn't know, or the type has none."""
    known = kind_of(token)
    return None if known is None or known.type is Any else json_schema(known.type)


def kind_of(token: str) -> HookDefinition[Any] | None:
    """What this process knows of the payloads for a token."""
    return DEFINITIONS.get(token.partition(":")[0]) if ":" in token else None


def _check_payload(token: str, encoded: bytes) -> None:
    """Raises: PayloadInvalid."""
    known = kind_of(token)
    if known is None:
        return
    try:
        decode(encoded, known.type, "payload")
    except DecodeError as error:
        raise PayloadInvalid(error.path, error.reason) from None
