"""Stripe's signatures. Stripe publishes no example with its secret: the senders' side follows its document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.http.verify import Stripe
from tests.http.verify.signing import (
    BODIES,
    HOSTILE,
    NOW_S,
    accepts,
    altered,
    body_and_other,
    hexadecimal,
    reason,
    stripe,
)

SECRET = b"whsec_test_secret"
HEADER = "Stripe-Signature"
GOOD = hexadecimal(SECRET, f"{NOW_S}.{{}}".encode())


@given(body=BODIES)
def test_what_is_signed_goes_through(body: bytes) -> None:
    assert accepts(Stripe(SECRET.decode()), stripe(SECRET, body), body)


@given(bodies=body_and_other())
def test_a_changed_body(bodies: tuple[bytes, bytes]) -> None:
    body, other = bodies
    assert not accepts(Stripe(SECRET), stripe(SECRET, body), other)


@given(data=st.data(), body=BODIES)
def test_a_changed_byte_of_time_or_signature(data: st.DataObject, body: bytes) -> None:
    headers = stripe(SECRET, body)
    checked = headers | {HEADER: headers[HEADER].rpartition(",")[0]}  # v0 isn't
    assert accepts(Stripe(SECRET), checked, body)
    assert not accepts(Stripe(SECRET), data.draw(altered(checked, [HEADER])), body)


@given(value=HOSTILE)
def test_hostile_headers(value: str) -> None:
    for header in (value, f"t={value},v1={GOOD}", f"t={NOW_S},v1={value}", f"t={NOW_S},{value}"):
        assert not accepts(Stripe(SECRET), {HEADER: header}, b"{}")


def test_several_signatures_and_several_secrets() -> None:
    verifier = Stripe("new", "old")
    by_old = hexadecimal(b"old", f"{NOW_S}.{{}}".encode())
    assert accepts(verifier, {HEADER: f"t={NOW_S},v1={'0' * 64},v1={by_old},v2=x"}, b"{}")
    assert accepts(verifier, {HEADER: f"v1=bad,v1={by_old},t={NOW_S}"}, b"{}")
    assert not accepts(verifier, {HEADER: f"t={NOW_S},v1={GOOD}"}, b"{}")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "its stripe-signature has 0 timestamps"),
        (f"v1={GOOD}", "its stripe-signature has 0 timestamps"),
        (f"t={NOW_S},t={NOW_S},v1={GOOD}", "its stripe-signature has 2 timestamps"),
        (f"t={NOW_S},v1={GOOD}, t={NOW_S},v1={GOOD}", "its stripe-signature holds a space"),  # two, joined
        (f"t=x,v1={GOOD}", "its stripe-signature is no number of seconds"),
        (f"t=1,v1={GOOD}", "its stripe-signature is 1699999999 s old, 300 s are allowed"),
        (f"t={NOW_S}", "it has no signature of the version that is checked"),
        (f"t={NOW_S},v0={GOOD}", "it has no signature of the version that is checked"),
        (f"t={NOW_S},v1={GOOD[:-1]}", "its signature is by none of the secrets, or for other content"),
    ],
)
def test_why_it_is_refused(value: str, why: str) -> None:
    assert reason(Stripe(SECRET), {HEADER: value}) == why


@given(late_s=st.integers(-1000, 1000))
def test_the_replay_window(late_s: int) -> None:
    headers = stripe(SECRET, b"{}")
    assert accepts(Stripe(SECRET), headers, b"{}", NOW_S + late_s) == (abs(late_s) <= 300)
    hour = Stripe(SECRET, name="hour", tolerance="1h")
    assert accepts(hour, headers, b"{}", NOW_S + 5 * late_s) == (abs(5 * late_s) <= 3600)
