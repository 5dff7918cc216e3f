"""Reading hostile headers, the replay window, and the comparison."""

import hmac

import pytest
from starlette.datastructures import Headers as StarletteHeaders

from perdure.api.webhook import Headers
from perdure.http.verify.signature import (
    HEADER_CHARACTERS_MAX,
    SignatureInvalid,
    check_match,
    check_time,
    digests,
    header,
)


def test_the_sentence_and_the_field() -> None:
    error = SignatureInvalid("it has no header x-a")
    assert error.reason == "it has no header x-a"
    assert str(error) == "the request's signature is not accepted: it has no header x-a"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b", "X-C": "d"},
        {"x-a": "b"},
        Headers((("X-a", "b"), ("X-C", "d"))),
        StarletteHeaders({"X-A": "b"}),
    ],
)
def test_a_header_in_any_case(headers: dict[str, str]) -> None:
    assert header(headers, "x-a") == "b"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-b": "b"}, "it has no header x-a"),
        ({}, "it has no header x-a"),
        ({"x-a": "b", "X-A": "b"}, "it has the header x-a more than once"),
        (StarletteHeaders(raw=[(b"x-a", b"b"), (b"x-a", b"c")]), "it has the header x-a more than once"),
        ({"x-a": "b" * (HEADER_CHARACTERS_MAX + 1)}, "its x-a has 4097 characters, 4096 are allowed"),
        ({"x-a": "bé"}, "its x-a holds what is no printable ASCII"),
        ({"x-a": "b\t"}, "its x-a holds what is no printable ASCII"),
        ({"x-a": "b\n"}, "its x-a holds what is no printable ASCII"),
        ({"x-a": "\udc80"}, "its x-a holds what is no printable ASCII"),
    ],
)
def test_a_header_that_is_refused(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(SignatureInvalid) as caught:
        header(headers, "x-a")
    assert caught.value.reason == reason


def test_a_header_as_long_as_is_allowed() -> None:
    assert len(header({"x-a": "b" * HEADER_CHARACTERS_MAX}, "x-a")) == HEADER_CHARACTERS_MAX


@pytest.mark.parametrize("now_s", [400.0, 399.5, 1000.0, 1600.0, 1300.25])
def test_the_window_both_ways(now_s: float) -> None:
    inside = abs(now_s - 1000) <= 600
    try:
        check_time("x-time", "1000", now_s, 600.0)
    except SignatureInvalid as error:
        assert not inside
        assert error.reason == "its x-time is 600 s in the future, 600 s are allowed"
    else:
        assert inside


def test_too_old() -> None:
    with pytest.raises(SignatureInvalid, match="its x-time is 4000 s old, 300 s are allowed"):
        check_time("x-time", "1000", 5000.0, 300.0)


@pytest.mark.parametrize(
    "timestamp", ["", "-1", "+1000", " 1000", "1000 ", "1_000", "1e3", "1000.0", "0x3e8", "١٠٠٠", "²", "1" * 13, "nan"]
)
def test_no_time(timestamp: str) -> None:
    with pytest.raises(SignatureInvalid, match="its x-time is no number of seconds"):
        check_time("x-time", timestamp, 1000.0, 300.0)


def test_a_digest_is_of_all_parts_together() -> None:
    [digest, other] = digests([b"key", b"other"], b"a.", b"b")
    assert digest == hmac.new(b"key", b"a.b", "sha256").digest()
    assert other == hmac.new(b"other", b"a.b", "sha256").digest()


def test_one_match_is_enough() -> None:
    check_match(["x", "b"], ["a", "b"])
    with pytest.raises(SignatureInvalid, match="by none of the secrets, or for other content"):
        check_match(["x", "B", "bb", ""], ["a", "b"])
    with pytest.raises(SignatureInvalid, match="no signature of the version that is checked"):
        check_match([], ["a", "b"])


def test_every_pair_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        pairs.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    check_match(["a", "b"], ["a", "b"])
    assert len(pairs) == 4, "no answer comes earlier because the first matched"
