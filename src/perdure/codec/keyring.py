"""The keys that payloads are sealed with: AES-256-GCM, under a key of each run's own.

A sealed payload is: the byte 01, the length of the key's name, the name, 12 random bytes (the nonce), what was sealed,
16 bytes that prove it. They prove the place too, which the caller names: what was moved elsewhere doesn't open.
The key of a run is derived from the ring's (HKDF-SHA256, RFC 5869), so that the random nonces of one run can't meet those
of another: with at most 2³² payloads to a key (NIST SP 800-38D), each run may have as many.
"""

import hmac
import re
import secrets
from base64 import b64decode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from perdure.errors import KeyMissing, KeysInvalid, KeyWrong, NotSealed
from perdure.model.ids import RunId

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
RUNS_MAX = 4096
"""The keys of so many runs are kept in memory: to derive one costs as much as to seal ten payloads."""
DIGEST_CHARACTERS = 16
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")  # shorter than any key: one that stands in the wrong place is no name
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_PAYLOADS, _DIGESTS = b"perdure payloads 1 ", b"perdure digests 1 "


class KeyRing:
    """Named keys: the first seals what is written, all of them open what is read.

    `keys`: 32 bytes each, or those as a text: 64 hexadecimal digits, or base64. `sealed_only`: what isn't sealed isn't
    read. Raises: KeysInvalid.
    """

    def __init__(self, keys: Mapping[str, str | bytes], *, sealed_only: bool = False) -> None:
        if not keys:
            raise KeysInvalid("there is none: give at least one, as {name: key}")
        _need_cryptography()
        self.sealed_only = sealed_only
        self._keys = {_checked_name(name): _key(name, key) for name, key in keys.items()}
        self.current = next(iter(self._keys))
        self._header = _header(self.current)
        self._cipher = lru_cache(maxsize=RUNS_MAX)(self._make_cipher)

    def __repr__(self) -> str:
        return f"<keys {', '.join(self._keys)}>"

    def seal(self, run_id: RunId, place: bytes, payload: bytes) -> bytes:
        """The payload, for this place of this run only; never the same bytes twice."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        header = self._header
        return header + nonce + self._cipher(self.current, run_id).encrypt(nonce, payload, header + place)

    def open(self, run_id: RunId, place: bytes, payload: bytes, at: str) -> bytes:
        """What was sealed for this place; `at` is what it is, for people. Raises: KeyMissing, KeyWrong, NotSealed."""
        if payload[:1] != SEALED:
            if self.sealed_only:
                raise NotSealed(at)
            return payload
        name = key_name(payload)
        if name not in self._keys:
            raise KeyMissing(at, name)
        header, sealed = payload[: 2 + len(name)], payload[2 + len(name) :]
        try:
            nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            return self._cipher(name, run_id).decrypt(nonce, rest, header + place)
        except Exception:  # cryptography's InvalidTag, or a ValueError where it was cut short
            raise KeyWrong(at, name) from None

    def digest(self, run_id: RunId, data: bytes) -> str:
        """Stands for a value where people look: the same for the same value in this run; without the key nobody can try
        values against it."""
        key = _derived(self._keys[self.current], _DIGESTS + run_id.encode())
        return hmac.digest(key, data, "sha256").hex()[:DIGEST_CHARACTERS]

    def _make_cipher(self, name: str, run_id: RunId) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(_derived(self._keys[name], _PAYLOADS + run_id.encode()))


def key_name(payload: bytes) -> str:
    """Under which key a sealed payload lies; a damaged one names nothing that exists."""
    length = payload[1] if len(payload) > 1 else 0
    return bytes(payload[2 : 2 + length]).decode("ascii", "replace")


def key_ring(text: str, *, sealed_only: bool = False) -> KeyRing:
    """The keys in a text such as `2026-07:key,2026-01:key`. Raises: KeysInvalid, which repeats no key."""
    keys: dict[str, str] = {}
    for number, part in enumerate(_parts(text), 1):
        name, colon, key = part.partition(":")
        if not colon:
            raise KeysInvalid(f"number {number} has no name: write name:key, and a comma between two of them")
        if name in keys:
            raise KeysInvalid(f"the name {name!r} is there twice")
        keys[name] = key
    return KeyRing(keys, sealed_only=sealed_only)


def _parts(text: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        shown = repr(name) if isinstance(name, str) and len(name) <= 32 else "one of the names"
        raise KeysInvalid(f"{shown} names no key: use up to 32 of the characters A-Z a-z 0-9 . _ -")
    return name


def _key(name: str, given: object) -> bytes:
    key = given if isinstance(given, bytes) else _from_text(given) if isinstance(given, str) else None
    if key is None or len(key) != KEY_BYTES:
        found = "neither a text nor bytes" if not isinstance(given, str | bytes) else "something else"
        if key is not None:
            found = f"{len(key)} bytes"
        raise KeysInvalid(
            f"the key {name!r} is {found}: it takes {KEY_BYTES} bytes, as 64 hexadecimal digits or as base64 "
            "(python -c 'import secrets; print(secrets.token_hex(32))' makes one)"
        )
    return key


def _from_text(text: str) -> bytes | None:
    text = text.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        return None


def _header(name: str) -> bytes:
    return SEALED + bytes((len(name),)) + name.encode("ascii")


def _derived(key: bytes, info: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _need_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise KeysInvalid("cryptography is not installed: `pip install 'perdure[encryption]'`")
