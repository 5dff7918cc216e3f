"""The senders' side, written from their documents, and what becomes of a request on its way."""

import hmac
from base64 import b64encode

import pytest
from hypothesis import strategies as st

from perdure.http.verify import SignatureInvalid, Verifier

NOW_S = 1_700_000_000
BODIES = st.binary(max_size=200)


def hexadecimal(secret: bytes, content: bytes) -> str:
    return hmac.new(secret, content, "sha256").hexdigest()


def github(secret: bytes, body: bytes) -> dict[str, str]:
    return {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={hexadecimal(secret, body)}"}


def stripe(secret: bytes, body: bytes, at_s: int = NOW_S) -> dict[str, str]:
    signature = hexadecimal(secret, f"{at_s}.".encode() + body)
    return {"Stripe-Signature": f"t={at_s},v1={signature},v0={'ab' * 32}"}


def slack(secret: bytes, body: bytes, at_s: int = NOW_S) -> dict[str, str]:
    signature = hexadecimal(secret, f"v0:{at_s}:".encode() + body)
    return {"X-Slack-Request-Timestamp": str(at_s), "X-Slack-Signature": f"v0={signature}"}


def standard(key: bytes, body: bytes, at_s: int = NOW_S, identity: str = "msg_1") -> dict[str, str]:
    digest = hmac.new(key, f"{identity}.{at_s}.".encode() + body, "sha256").digest()
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def accepts(verifier: Verifier, headers: dict[str, str], body: bytes, now_s: float = NOW_S) -> bool:
    """Anything but SignatureInvalid goes through, and fails the test."""
    try:
        verifier.check("POST", "https://app.example/hook", headers, body, now_s)
    except SignatureInvalid:
        return False
    return True


def reason(verifier: Verifier, headers: dict[str, str], body: bytes = b"{}", now_s: float = NOW_S) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verifier.check("POST", "https://app.example/hook", headers, body, now_s)
    return caught.value.reason


def flipped(data: bytes, draw: st.DrawFn) -> bytes:
    """The data with one byte changed."""
    place = draw(st.integers(0, len(data) - 1))
    other = data[place] ^ draw(st.integers(1, 255))
    return data[:place] + bytes([other]) + data[place + 1 :]


@st.composite
def altered(draw: st.DrawFn, headers: dict[str, str], names: list[str]) -> dict[str, str]:
    """The headers with one byte of one of these changed; as a server has them, in ISO 8859-1."""
    name = draw(st.sampled_from(names))
    value = flipped(headers[name].encode("latin-1"), draw).decode("latin-1")
    return headers | {name: value}


@st.composite
def body_and_other(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A body, and the same with one byte changed."""
    body = draw(st.binary(min_size=1, max_size=200))
    return body, flipped(body, draw)


HOSTILE = st.one_of(
    st.text(max_size=50),
    st.text(alphabet="0123456789tv=,. +-_eE", max_size=40),
    st.sampled_from(
        ["", " ", "t", "t=", "t=,v1=", "v1,", ",", "=", "nan", "inf", "1e9", "-1", "١٢٣", "\x00", "\ud800"]
    ),
    st.integers(0, 10**30).map(str),
    st.sampled_from(["9" * 5000, "v1," * 100_000, "a" * 1_000_000, "é" * 5000]),
)
"""Values that nobody signed."""
