"""What isn't shown of data."""

from typing import Any

import pytest

from perdure.inspector.redaction import REDACTED, VARIABLE, masked, redacted, redacted_facts


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "db_password", "new-password", "PASSWD", "passphrase", "secret", "client_secret",
        "clientSecret",
        "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "credentials", "api_key", "apiKey", "X-API-Key",
        "private key", "access_key_id", "token", "access_token", "idToken", "X-Auth-Token", "pwd", "jwt", "cvv", "CVC",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert redacted({name: "x"}) == {name: REDACTED}
    assert redacted([name, "x"]) == [name, REDACTED]


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokens", "tokenizer", "key", "author", "name", "pwds", "accessible", "order", "$", ""]
)
def test_names_that_are_not(name: str) -> None:
    assert redacted({name: "x"}) == {name: "x"}


def test_at_any_depth_and_whatever_the_value() -> None:
    value: Any = {
        "a": [{"password": {"old": 1}}, {"$": "obj", "t": "app:User", "v": {"token": ["x"], "name": "Ann"}}],
        "headers": [["host", "x"], ["Authorization", "Bearer x"], ["cookie", "a=b", "more"]],
    }
    assert redacted(value) == {
        "a": [{"password": REDACTED}, {"$": "obj", "t": "app:User", "v": {"token": REDACTED, "name": "Ann"}}],
        "headers": [["host", "x"], ["Authorization", REDACTED], ["cookie", "a=b", "more"]],
    }
    assert value["headers"][1] == ["Authorization", "Bearer x"]  # what was given is left as it was


@pytest.mark.parametrize("value", [None, True, False])
def test_what_tells_nothing_stays(value: Any) -> None:
    assert redacted({"password": value}) == {"password": value}


@pytest.mark.parametrize("value", [None, 1, 2.5, "password", [], {}])
def test_what_has_no_fields_stays(value: Any) -> None:
    assert redacted(value) == value


def test_more_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "iban, Tax-ID,,")
    told = {"iban": 1, "tax_id": 2, "myIBAN": 3, "password": 4, "order": 5}
    assert redacted(told) == {
        "iban": REDACTED,
        "tax_id": REDACTED,
        "myIBAN": REDACTED,
        "password": REDACTED,
        "order": 5,
    }
    monkeypatch.delenv(VARIABLE)
    assert redacted({"iban": 1}) == {"iban": 1}


def test_an_events_own_fields_are_no_secrets() -> None:
    data = {"hook": {"token": "t", "metadata": {"token": "x"}}, "token": "t", "payload": {"token": "x"}}
    assert redacted_facts(data) == {
        "hook": {"token": "t", "metadata": {"token": REDACTED}},
        "token": "t",
        "payload": {"token": REDACTED},
    }


def test_random_tokens_are_for_those_who_may_act() -> None:
    token = "bIRtIAHVaBHF3OwibIrmuOMjUlFlwIXw"
    value = {"items": [{"token": token}, {"token": "desk:o-1"}, {"token": None}, {"data": {"hook": {"token": token}}}]}
    assert masked(value) == {
        "items": [
            {"token": "bIRtIAHV…"}, {"token": "desk:o-1"}, {"token": None}, {"data": {"hook": {"token": "bIRtIAHV…"}}},
        ]
    }  # fmt: skip
