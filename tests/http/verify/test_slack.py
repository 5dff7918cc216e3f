"""Slack's signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.http.verify import Slack
from tests.http.verify.signing import BODIES, HOSTILE, NOW_S, accepts, altered, body_and_other, reason, slack

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
SIGNATURE, TIMESTAMP = "X-Slack-Signature", "X-Slack-Request-Timestamp"
EXAMPLE = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)


def test_the_example_of_their_documents() -> None:
    headers = {
        TIMESTAMP: "1531420618",
        SIGNATURE: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    verifier = Slack("8f742231b10e8888abcd99yyyzzz85a5")
    assert accepts(verifier, headers, EXAMPLE, 1531420618.5)
    assert not accepts(verifier, headers, EXAMPLE + b"&", 1531420618.5)
    assert not accepts(verifier, headers, EXAMPLE, 1531420618 + 301)


@given(body=BODIES)
def test_what_is_signed_goes_through(body: bytes) -> None:
    assert accepts(Slack(SECRET), slack(SECRET, body), body)


@given(bodies=body_and_other())
def test_a_changed_body(bodies: tuple[bytes, bytes]) -> None:
    body, other = bodies
    assert not accepts(Slack(SECRET), slack(SECRET, body), other)


@given(data=st.data(), body=BODIES)
def test_a_changed_byte_of_time_or_signature(data: st.DataObject, body: bytes) -> None:
    assert not accepts(Slack(SECRET), data.draw(altered(slack(SECRET, body), [SIGNATURE, TIMESTAMP])), body)


@given(value=HOSTILE, name=st.sampled_from([SIGNATURE, TIMESTAMP]))
def test_hostile_headers(value: str, name: str) -> None:
    assert not accepts(Slack(SECRET), slack(SECRET, b"{}") | {name: value}, b"{}")
    assert not accepts(Slack(SECRET), slack(SECRET, b"{}") | {SIGNATURE: f"v0={value}"}, b"{}")


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({SIGNATURE: "v0=x"}, "it has no header x-slack-request-timestamp"),
        ({TIMESTAMP: "1"}, "it has no header x-slack-signature"),
        ({TIMESTAMP: "1, 1", SIGNATURE: "v0=x"}, "its x-slack-request-timestamp is no number of seconds"),
        ({TIMESTAMP: str(NOW_S), SIGNATURE: "v1=x"}, "its x-slack-signature doesn't begin with v0="),
        ({TIMESTAMP: "0" + str(NOW_S), SIGNATURE: "v0=x"}, "its signature is by none of the secrets, or for other content"),
        ({TIMESTAMP: str(NOW_S), SIGNATURE: "v0=x"}, "its signature is by none of the secrets, or for other content"),
    ],
)  # fmt: skip
def test_why_it_is_refused(headers: dict[str, str], why: str) -> None:
    assert reason(Slack(SECRET), headers) == why


@given(late_s=st.integers(-1000, 1000))
def test_the_replay_window(late_s: int) -> None:
    assert accepts(Slack(SECRET), slack(SECRET, b"{}"), b"{}", NOW_S + late_s) == (abs(late_s) <= 300)


def test_during_a_rotation() -> None:
    verifier = Slack("new", "old")
    assert [accepts(verifier, slack(key, b"{}"), b"{}") for key in (b"new", b"old", b"none")] == [True, True, False]
