"""Ids: made without the store, sortable by time where that helps, derived where that is possible.

A run's id is `wrun_` and a ULID (https://github.com/ulid/spec): 48 bits of milliseconds, 80 bits of randomness, both
given by the caller. A child's id and a step's id derive from the run's id and the request's key, so that every replay,
on every machine, arrives at the same ones.
"""

from functools import lru_cache
from hashlib import blake2b, sha256
from typing import NewType

RunId = NewType("RunId", str)
StepId = NewType("StepId", str)
WorkerId = NewType("WorkerId", str)
MailId = NewType("MailId", str)
HookId = NewType("HookId", str)

RANDOM_BYTES = 10
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_CROCKFORD = bytes.maketrans(bytes(range(32)), _CROCKFORD.encode())
_LENGTH = 26
_DIGITS_MAX = 32


def _halves(digits: int) -> tuple[int, int]:
    """How blocks of twice so many digits of five bits are parted: a mask of their upper halves; and by what these are
    to be multiplied and added, so that each goes up to where, in the end, each digit has a byte of its own."""
    blocks = range(_DIGITS_MAX // (2 * digits))
    upper = sum(((1 << 5 * digits) - 1) << (5 * digits + 16 * digits * block) for block in blocks)
    return upper, (1 << 3 * digits) - 1


_PARTINGS = tuple(_halves(digits) for digits in (16, 8, 4, 2, 1))


def ulid(time_ms: int, randomness: bytes) -> str:
    """26 characters: ten of time, sixteen of the ten random bytes."""
    return _digits(time_ms << 8 * RANDOM_BYTES | int.from_bytes(randomness, "big"), _LENGTH)


def new_run_id(time_ms: int, randomness: bytes) -> RunId:
    return RunId("wrun_" + ulid(time_ms, randomness))


def new_worker_id(time_ms: int, randomness: bytes) -> WorkerId:
    return WorkerId("wrkr_" + ulid(time_ms, randomness))


def new_mail_id(time_ms: int, randomness: bytes) -> MailId:
    return MailId("mail_" + ulid(time_ms, randomness))


def child_run_id(parent: RunId, key: str) -> RunId:
    """The id of the run that `parent` starts under `key`: the parent's time, then a digest instead of randomness."""
    return RunId(parent[:15] + _text(_digest(parent, key, RANDOM_BYTES)))


def queued_run_id(parent: RunId, key: str, attempt: int) -> RunId:
    """The id of the run as which the step under `key` goes to a queue, from this attempt on. No child's key looks so."""
    return child_run_id(parent, f"{key}\n{attempt}")


def letter_id(sender: RunId, purpose: str) -> MailId:
    """The id of a letter that a run's end sends: derived, so that no retry sends it twice."""
    return MailId(f"mail_{sender[5:]}_{purpose}")


@lru_cache(maxsize=1024)
def step_id(run: RunId, key: str) -> StepId:
    """`step_` and 26 characters: the same in every attempt and replay, unique in the world: an idempotency key.

    Kept, as each chunk that a step writes asks for it.
    """
    return StepId("step_" + _text(_digest(run, key, 16)))


def hook_id(run: RunId, key: str) -> HookId:
    """`hook_` and 26 characters: as with steps."""
    return HookId("hook_" + _text(_digest(run, key, 16)))


def token_hash(token: str) -> str:
    """What a hook's token is looked up by: whoever reads the store's index can't resume anything with it.

    A hash that PostgreSQL has too: its function `send` looks tokens up by itself.
    """
    return sha256(f"perdure-token:{token}".encode()).hexdigest()


def answer_id(run: RunId, token_hash: str, idempotency_key: str) -> MailId:
    """The id of a letter whose sender gave a key: the same key makes the same letter, which is taken once; also where
    the sender is PostgreSQL's function `send`."""
    return MailId("mail_" + _text(sha256(f"{run}\n{token_hash}\n{idempotency_key}".encode()).digest()[:15]))


def is_run_id(text: str) -> bool:
    return len(text) == 5 + _LENGTH and text.startswith("wrun_") and all(char in _CROCKFORD for char in text[5:])


def _digest(run: RunId, key: str, size: int) -> bytes:
    return blake2b(f"{run}\n{key}".encode(), digest_size=size).digest()


def _text(data: bytes) -> str:
    """As base32 has it: the last character is filled up with zeros."""
    bits = 8 * len(data)
    return _digits(int.from_bytes(data, "big") << -bits % 5, -(-bits // 5))


def _digits(number: int, count: int) -> str:
    """The number in base 32. Python's own `base64` takes four times as long, and each start makes an id."""
    for upper, up in _PARTINGS:
        number += (number & upper) * up
    return number.to_bytes(_DIGITS_MAX, "big").translate(_TO_CROCKFORD)[-count:].decode()
