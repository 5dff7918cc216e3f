"""Reaching a run from outside: a token leads to its hook once, and every try of a letter names that hook (M3)."""

import hmac
from typing import NamedTuple, Protocol

from msgspec import Raw

from perdure.codec.fact import unpack
from perdure.codec.keyring import KeyRing
from perdure.codec.value import same_value
from perdure.engine.entropy import Entropy
from perdure.engine.letter import hook_letter
from perdure.engine.log import to_event
from perdure.engine.seal import open_letter, open_row
from perdure.errors import HookNotFound, PayloadConflict
from perdure.model.event import Fact, HookCreated, HookReceived
from perdure.model.ids import MailId, RunId, answer_id, token_hash
from perdure.world.hook import HookRecord
from perdure.world.log import Row
from perdure.world.mail import Letter
from perdure.world.world import World

PAGE = 200


class Reaching(Protocol):
    """The engine, as a sender sees it."""

    world: World
    keys: KeyRing | None
    entropy: Entropy

    async def send(self, letter: Letter, hook: str | None = None) -> bool: ...


class FoundHook(NamedTuple):
    """A hook, with what its body asked for: the token and the metadata are there."""

    record: HookRecord
    created: HookCreated


async def find_hook(engine: Reaching, token: str, *, closed_too: bool = False) -> FoundHook:
    """The hook that takes payloads under this token, or (`closed_too`) the last that did.

    Raises: HookNotFound, DecodeError, WorldError.
    """
    try:
        finding = await engine.world.hooks.find(token_hash(token))
    except UnicodeEncodeError:  # half of a surrogate pair: no token has that
        finding = None
    found = None if finding is None else _opened(engine, finding.record, finding.row)
    if found is None or not hmac.compare_digest(found.created.token.encode(), token.encode()):
        raise HookNotFound(token)
    if not closed_too and not takes_payloads(found.record, engine.world.now_ms()):
        raise HookNotFound(token)
    return found


async def read_hook(engine: Reaching, record: HookRecord) -> FoundHook | None:
    """The hook behind a World's row. Raises: DecodeError, WorldError."""
    log = await engine.world.read_log(record.run_id, record.seq, limit=1)
    if log is None or not log.rows:
        return None
    return _opened(engine, record, log.rows[0])


def _opened(engine: Reaching, record: HookRecord, row: Row) -> FoundHook:
    """Raises: DecodeError."""
    fact = to_event(open_row(record.run_id, row, engine.keys)).fact
    assert isinstance(fact, HookCreated), "L5: a hook's row names its hook_created"
    return FoundHook(record, fact)


def takes_payloads(record: HookRecord, now_ms: int) -> bool:
    """By this side's clock; the store's has the last word."""
    return not record.closed and (record.expires_at_ms is None or record.expires_at_ms > now_ms)


async def resume(
    engine: Reaching, found: FoundHook, payload: bytes, idempotency_key: str | None = None, by: str | None = None
) -> MailId:
    """Send an encoded payload; it is accepted when this returns. The id of the letter that carries it.

    With a key, a second try of the same payload is accepted without effect, even after the hook has been closed, and
    where another hook of the run has its token by then: who tries again may have forgotten which it was.
    Raises: HookNotFound, PayloadConflict, WorldError.
    """
    record = found.record
    if idempotency_key is None:
        mail_id = engine.entropy.mail_id(engine.world.now_ms())
    else:
        mail_id = answer_id(record.run_id, record.token_hash, idempotency_key)
    letter = hook_letter(mail_id, record.run_id, record.key, payload, engine.world.now_ms(), by)
    if not await engine.send(letter, hook=record.key):
        raise HookNotFound(found.created.token)
    if idempotency_key is not None:
        accepted = await _payload_of(engine, record.run_id, mail_id)
        if accepted is None or not same_value(accepted, payload):
            raise PayloadConflict(idempotency_key)
    return mail_id


async def _payload_of(engine: Reaching, run_id: RunId, mail_id: MailId) -> Raw | None:
    """What the accepted letter carries: it waits in the inbox, or is in the log."""
    world = engine.world
    for letter in await world.read_mail(run_id):
        if letter.mail_id == mail_id:
            return _received(unpack(letter.kind, open_letter(letter, engine.keys).payload))
    run = await world.read_run(run_id)
    after = 0 if run is None else run.length
    while after > 0:  # the last rows first: it was mostly sent a moment ago, and a log may be long
        first = max(1, after - PAGE + 1)
        log = await world.read_log(run_id, first, after - first + 1)
        for row in log.rows if log is not None else ():
            if row.mail_id == mail_id:
                return _received(to_event(open_row(run_id, row, engine.keys)).fact)
        after = first - 1
    return None


def _received(fact: Fact) -> Raw:
    assert isinstance(fact, HookReceived), "M3: the letter of a hook becomes its hook_received"
    return fact.payload
