import sys
from base64 import b64encode, urlsafe_b64encode

import pytest

from perdure.codec import keyring
from perdure.codec.keyring import KEY_BYTES, SEALED, KeyRing, key_name, key_ring
from perdure.errors import KeyMissing, KeysInvalid, KeyWrong, NotSealed, PayloadLocked
from perdure.model.ids import RunId

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
RUN = RunId("wrun_00000000000000000000000001")
PAYLOAD = b'{"result":"the secret"}'


def ring(**keys: bytes) -> KeyRing:
    return KeyRing(keys or {"a": KEY})


def test_what_is_sealed_opens_again() -> None:
    sealed = ring().seal(RUN, b"place", PAYLOAD)
    assert sealed[:3] == SEALED + b"\x01a"
    assert key_name(sealed) == "a"
    assert len(sealed) == len(PAYLOAD) + 3 + 12 + 16
    assert ring().open(RUN, b"place", sealed, "it") == PAYLOAD


def test_nothing_of_it_shows_and_no_two_are_alike() -> None:
    keys = ring()
    sealed = {keys.seal(RUN, b"place", PAYLOAD) for _ in range(1000)}
    assert len({each[3:15] for each in sealed}) == 1000
    assert not any(b"secret" in each for each in sealed)


def test_the_format_is_what_the_documents_say() -> None:
    """Opened here with nothing but RFC 5869, by hand, and AES-GCM: another implementation could."""
    import hmac

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = ring().seal(RUN, b"place", PAYLOAD)
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    run_key = hmac.digest(extracted, b"perdure payloads 1 " + RUN.encode() + b"\x01", "sha256")
    assert AESGCM(run_key).decrypt(sealed[3:15], sealed[15:], sealed[:3] + b"place") == PAYLOAD


@pytest.mark.parametrize("position", range(len(PAYLOAD) + 31))
def test_no_changed_byte_opens(position: int) -> None:
    keys = ring(a=KEY, b=KEY)
    sealed = bytearray(keys.seal(RUN, b"place", PAYLOAD))
    for bit in range(8):
        sealed[position] ^= 1 << bit
        try:
            assert keys.open(RUN, b"place", bytes(sealed), "it")[:1] != b"{", "it passes for plain: never for JSON"
        except PayloadLocked as error:
            assert isinstance(error, KeyWrong | KeyMissing)
        sealed[position] ^= 1 << bit
    assert keys.open(RUN, b"place", bytes(sealed), "it") == PAYLOAD


@pytest.mark.parametrize("length", range(1, len(PAYLOAD) + 31))
def test_nothing_that_was_cut_opens(length: int) -> None:
    with pytest.raises(PayloadLocked):
        ring().open(RUN, b"place", ring().seal(RUN, b"place", PAYLOAD)[:length], "it")


def test_it_opens_nowhere_else() -> None:
    keys = ring(a=KEY)
    sealed = keys.seal(RUN, b"place", PAYLOAD)
    for run, place in ((RunId("wrun_00000000000000000000000002"), b"place"), (RUN, b"elsewhere"), (RUN, b"")):
        with pytest.raises(KeyWrong):
            keys.open(run, place, sealed, "it")


def test_a_key_of_the_same_name_is_found_out() -> None:
    with pytest.raises(KeyWrong) as caught:
        ring(a=OTHER).open(RUN, b"place", ring(a=KEY).seal(RUN, b"place", PAYLOAD), "run_completed")
    assert caught.value.key_id == "a"
    assert str(caught.value) == (
        "run_completed can't be read back: this process's key 'a' doesn't open it: either another key had this name when "
        "it was sealed, or it was changed or moved since"
    )


def test_a_key_that_is_not_here_is_named() -> None:
    with pytest.raises(KeyMissing) as caught:
        ring(b=KEY).open(RUN, b"place", ring(a=KEY).seal(RUN, b"place", PAYLOAD), "run_completed")
    assert caught.value.key_id == "a"
    assert str(caught.value) == (
        "run_completed can't be read back: it is sealed with the key 'a', which this process doesn't have: "
        "give it in configure(keys=…) or PERDURE_KEYS"
    )


def test_the_first_key_seals_and_every_key_opens() -> None:
    old, both, new = ring(a=KEY), ring(b=OTHER, a=KEY), ring(b=OTHER)
    assert both.open(RUN, b"", old.seal(RUN, b"", PAYLOAD), "it") == PAYLOAD
    assert new.open(RUN, b"", both.seal(RUN, b"", PAYLOAD), "it") == PAYLOAD
    assert both.current == "b"


def test_what_is_plain_is_read_unless_only_the_sealed_is() -> None:
    assert ring().open(RUN, b"place", PAYLOAD, "it") is PAYLOAD
    with pytest.raises(NotSealed) as caught:
        KeyRing({"a": KEY}, sealed_only=True).open(RUN, b"place", PAYLOAD, "it")
    assert caught.value.key_id is None
    assert str(caught.value) == (
        "it can't be read back: it isn't sealed, and this process has sealed_only: whoever wrote it had no keys, "
        "or had no business here"
    )


def test_the_keys_of_many_runs_are_kept_but_not_of_all() -> None:
    keys, made = ring(), keyring.RUNS_MAX + 10
    for number in range(made):
        keys.seal(RunId(f"wrun_{number}"), b"", b"{}")
    assert keys._cipher.cache_info().currsize == keyring.RUNS_MAX
    assert keys.open(RunId("wrun_0"), b"", keys.seal(RunId("wrun_0"), b"", PAYLOAD), "it") == PAYLOAD


def test_a_digest_stands_for_a_value_in_one_run_and_with_one_key() -> None:
    digest = ring().digest(RUN, b"1234")
    assert len(digest) == 16
    assert ring().digest(RUN, b"1234") == digest
    assert len({digest, ring().digest(RUN, b"1235"), ring(a=OTHER).digest(RUN, b"1234"),
                ring().digest(RunId("wrun_2"), b"1234")}) == 4  # fmt: skip


@pytest.mark.parametrize(
    "text", [KEY.hex(), KEY.hex().upper(), b64encode(KEY).decode(), urlsafe_b64encode(OTHER).decode(),
             b64encode(KEY).decode().rstrip("="), f" {KEY.hex()}\n"]
)  # fmt: skip
def test_how_a_key_may_be_written(text: str) -> None:
    written = KeyRing({"k": text})
    key = OTHER if text == urlsafe_b64encode(OTHER).decode() else KEY
    assert KeyRing({"k": key}).open(RUN, b"", written.seal(RUN, b"", PAYLOAD), "it") == PAYLOAD


def test_keys_in_one_text() -> None:
    keys = key_ring(f"2026-07:{b64encode(OTHER).decode()}, 2026-01:{KEY.hex()},")
    assert repr(keys) == "<keys 2026-07, 2026-01>"
    assert keys.current == "2026-07"
    assert keys.open(RUN, b"", KeyRing({"2026-01": KEY}).seal(RUN, b"", PAYLOAD), "it") == PAYLOAD
    assert not keys.sealed_only
    assert key_ring(f"a:{KEY.hex()}", sealed_only=True).sealed_only


SECRET = "c2VjcmV0IGtleSBtYXRlcmlhbCBub2JvZHkgbWF5IHNlZQ"  # 34 bytes
TAKES = (
    "it takes 32 bytes, as 64 hexadecimal digits or as base64 "
    "(python -c 'import secrets; print(secrets.token_hex(32))' makes one)"
)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "there is none: give at least one, as {name: key}"),
        ({"a": KEY[:31]}, f"the key 'a' is 31 bytes: {TAKES}"),
        ({"a": SECRET}, f"the key 'a' is 34 bytes: {TAKES}"),
        ({"a": "pässword"}, f"the key 'a' is something else: {TAKES}"),
        ({"a": ""}, f"the key 'a' is 0 bytes: {TAKES}"),
        ({"a": 5}, f"the key 'a' is neither a text nor bytes: {TAKES}"),
        ({"a b": KEY}, "'a b' names no key: use up to 32 of the characters A-Z a-z 0-9 . _ -"),
        ({KEY.hex(): "a"}, "one of the names names no key: use up to 32 of the characters A-Z a-z 0-9 . _ -"),
        ({"x" * 33: KEY}, "one of the names names no key: use up to 32 of the characters A-Z a-z 0-9 . _ -"),
        ({5: KEY}, "one of the names names no key: use up to 32 of the characters A-Z a-z 0-9 . _ -"),
    ],
)
def test_keys_that_cannot_be_used(keys: dict[str, bytes], reason: str) -> None:
    with pytest.raises(KeysInvalid) as caught:
        KeyRing(keys)
    assert str(caught.value).startswith(f"these keys can't be used: {reason}")
    assert SECRET not in str(caught.value)
    assert KEY.hex() not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SECRET, "number 1 has no name: write name:key, and a comma between two of them"),
        (f"a:{KEY.hex()},{SECRET}", "number 2 has no name: write name:key, and a comma between two of them"),
        (f"a:{KEY.hex()},a:{OTHER.hex()}", "the name 'a' is there twice"),
        (" , ", "there is none: give at least one, as {name: key}"),
    ],
)
def test_texts_that_hold_no_keys(text: str, reason: str) -> None:
    with pytest.raises(KeysInvalid) as caught:
        key_ring(text)
    assert str(caught.value) == f"these keys can't be used: {reason}"


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "find_spec", lambda name: None if name == "cryptography" else sys)
    with pytest.raises(KeysInvalid) as caught:
        ring()
    assert str(caught.value) == (
        "these keys can't be used: cryptography is not installed: `pip install 'perdure[encryption]'`"
    )
    assert KEY_BYTES == 32
