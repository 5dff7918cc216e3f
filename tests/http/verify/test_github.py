"""GitHub's signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.http.verify import GitHub
from tests.http.verify.signing import BODIES, HOSTILE, accepts, altered, body_and_other, github, hexadecimal, reason

SECRET = b"It's a Secret to Everybody"
HEADER = "X-Hub-Signature-256"


def test_the_example_of_their_documents() -> None:
    verifier = GitHub("It's a Secret to Everybody")
    headers = {HEADER: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert accepts(verifier, headers, b"Hello, World!")
    assert not accepts(verifier, headers, b"Hello, World?")


@given(body=BODIES, now_s=st.integers(0, 10**11))
def test_what_is_signed_goes_through_at_any_time(body: bytes, now_s: int) -> None:
    assert accepts(GitHub(SECRET), github(SECRET, body), body, now_s)


@given(bodies=body_and_other())
def test_a_changed_body(bodies: tuple[bytes, bytes]) -> None:
    body, other = bodies
    assert not accepts(GitHub(SECRET), github(SECRET, body), other)


@given(data=st.data(), body=BODIES)
def test_a_changed_signature(data: st.DataObject, body: bytes) -> None:
    assert not accepts(GitHub(SECRET), data.draw(altered(github(SECRET, body), [HEADER])), body)


@given(value=HOSTILE)
def test_hostile_headers(value: str) -> None:
    verifier = GitHub(SECRET)
    assert not accepts(verifier, {HEADER: value}, b"{}")
    assert not accepts(verifier, {HEADER: f"sha256={value}"}, b"{}")


def test_during_a_rotation() -> None:
    verifier = GitHub("new", "old")
    assert accepts(verifier, github(b"new", b"{}"), b"{}")
    assert accepts(verifier, github(b"old", b"{}"), b"{}")
    assert not accepts(verifier, github(b"older", b"{}"), b"{}")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "it has no header x-hub-signature-256"),
        ({"X-Hub-Signature": "sha1=" + "0" * 40}, "it has no header x-hub-signature-256"),
        ({HEADER: "sha1=" + "0" * 40}, "its x-hub-signature-256 doesn't begin with sha256="),
        ({HEADER: "sha256="}, "its signature is by none of the secrets, or for other content"),
        (
            {HEADER: "sha256=" + hexadecimal(SECRET, b"{}").upper()},
            "its signature is by none of the secrets, or for other content",
        ),
        (
            {HEADER: f"sha256={hexadecimal(SECRET, b'{}')}, sha256={hexadecimal(SECRET, b'{}')}"},  # two, joined
            "its signature is by none of the secrets, or for other content",
        ),
    ],
)
def test_why_it_is_refused(headers: dict[str, str], why: str) -> None:
    assert reason(GitHub(SECRET), headers) == why


def test_it_has_no_tolerance() -> None:
    with pytest.raises(TypeError):
        GitHub(SECRET, tolerance="5m")  # type: ignore[call-arg]
