"""Standard Webhooks."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.errors import UsageError
from perdure.http.verify import StandardWebhooks
from tests.http.verify.signing import BODIES, HOSTILE, NOW_S, accepts, altered, body_and_other, reason, standard

KEY = bytes(range(24))
SECRET = f"whsec_{b64encode(KEY).decode()}"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def test_the_example_of_their_libraries() -> None:
    headers = {
        ID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        TIMESTAMP: "1614265330",
        SIGNATURE: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    for secret in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        verifier = StandardWebhooks(secret)
        assert accepts(verifier, headers, body, 1614265330)
        assert not accepts(verifier, headers | {ID: "msg_p5jXN8AQM9LWM0D4loKWxJel"}, body, 1614265330)
        assert not accepts(verifier, headers, body, 1614265330 + 301)


@given(body=BODIES)
def test_what_is_signed_goes_through(body: bytes) -> None:
    assert accepts(StandardWebhooks(SECRET), standard(KEY, body), body)
    assert accepts(StandardWebhooks(KEY), standard(KEY, body), body)


@given(bodies=body_and_other())
def test_a_changed_body(bodies: tuple[bytes, bytes]) -> None:
    body, other = bodies
    assert not accepts(StandardWebhooks(SECRET), standard(KEY, body), other)


@given(data=st.data(), body=BODIES)
def test_a_changed_byte_of_id_time_or_signature(data: st.DataObject, body: bytes) -> None:
    headers = data.draw(altered(standard(KEY, body), [ID, TIMESTAMP, SIGNATURE]))
    assert not accepts(StandardWebhooks(SECRET), headers, body)


@given(value=HOSTILE, name=st.sampled_from([ID, TIMESTAMP, SIGNATURE]))
def test_hostile_headers(value: str, name: str) -> None:
    assert not accepts(StandardWebhooks(SECRET), standard(KEY, b"{}") | {name: value}, b"{}")
    assert not accepts(StandardWebhooks(SECRET), standard(KEY, b"{}") | {SIGNATURE: f"v1,{value}"}, b"{}")


def test_a_list_of_signatures() -> None:
    headers = standard(KEY, b"{}")
    others = ["v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=", "v1a,hnO3f9T8", "v2,Ceo5qEr07ixe2NLpvHk3"]
    mixed = headers | {SIGNATURE: " ".join([*others[:2], headers[SIGNATURE], *others[2:]])}
    assert accepts(StandardWebhooks(SECRET), mixed, b"{}")
    assert not accepts(StandardWebhooks(SECRET), headers | {SIGNATURE: " ".join(others)}, b"{}")


def test_during_a_rotation() -> None:
    verifier = StandardWebhooks(SECRET, b"old")
    signed = [accepts(verifier, standard(key, b"{}"), b"{}") for key in (KEY, b"old", b"none")]
    assert signed == [True, True, False]


GOOD = standard(KEY, b"{}")
LIST = "its webhook-signature is no list of versions and base64"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({ID: ""}, "its webhook-id is empty, or holds a space or a full stop"),
        ({ID: "msg_1, msg_1"}, "its webhook-id is empty, or holds a space or a full stop"),
        ({TIMESTAMP: "hello"}, "its webhook-timestamp is no number of seconds"),
        ({TIMESTAMP: "1"}, "its webhook-timestamp is 1699999999 s old, 300 s are allowed"),
        ({SIGNATURE: ""}, LIST),
        ({SIGNATURE: "v1,"}, LIST),
        ({SIGNATURE: f"{GOOD[SIGNATURE]}, {GOOD[SIGNATURE]}"}, LIST),  # two headers, joined
        ({SIGNATURE: f"{GOOD[SIGNATURE]} "}, LIST),
        ({SIGNATURE: GOOD[SIGNATURE][:8]}, "its signature is by none of the secrets, or for other content"),
        ({SIGNATURE: "v1a,abcd"}, "it has no signature of the version that is checked"),
    ],
)
def test_why_it_is_refused(changed: dict[str, str], why: str) -> None:
    assert reason(StandardWebhooks(SECRET), GOOD | changed) == why


@pytest.mark.parametrize("name", [ID, TIMESTAMP, SIGNATURE])
def test_a_missing_header(name: str) -> None:
    headers = {other: value for other, value in GOOD.items() if other != name}
    assert reason(StandardWebhooks(SECRET), headers) == f"it has no header {name}"


def test_a_piece_of_a_signed_body_is_no_newer_timestamp() -> None:
    """What is signed is one text: cut elsewhere, it has another timestamp, and a body of the attacker's choice."""
    body = f"say hello.{NOW_S + 86_400}.attack".encode()
    cut = standard(KEY, body) | {ID: f"msg_1.{NOW_S}.say hello", TIMESTAMP: str(NOW_S + 86_400)}
    dotted = cut | {ID: f"msg_1.{NOW_S}.say"}
    assert not accepts(StandardWebhooks(SECRET), cut, b"attack", NOW_S + 86_400)
    assert reason(StandardWebhooks(SECRET), dotted, now_s=NOW_S + 86_400).startswith("its webhook-id")


@given(late_s=st.integers(-1000, 1000))
def test_the_replay_window(late_s: int) -> None:
    assert accepts(StandardWebhooks(SECRET), GOOD, b"{}", NOW_S + late_s) == (abs(late_s) <= 300)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("whsec_", "was given an empty secret: is its variable set?"),
        ("", "was given an empty secret: is its variable set?"),
        ("whsec_not base64", "was given a secret that is none: behind whsec_ it isn't base64"),
        ("whsec_é", "was given a secret that is none: behind whsec_ it isn't base64"),
        ("whsec_AAA", "was given a secret that is none: behind whsec_ it isn't base64"),
        ("whpk_AAAA", "was given a secret that is none: it is a key for asymmetric signatures, which aren't checked"),
    ],
)
def test_secrets_that_are_none(secret: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        StandardWebhooks(secret)
    assert str(caught.value) == f"the verifier 'standard-webhooks' {why}"
