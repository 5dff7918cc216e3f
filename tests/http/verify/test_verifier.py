"""Names, secrets, and what is registered."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from perdure import close, configure, create_webhook, start, workflow
from perdure.errors import DuplicateName, DurationInvalid, UsageError
from perdure.http.verify import (
    VERIFIERS,
    GitHub,
    SignatureInvalid,
    Slack,
    StandardWebhooks,
    Stripe,
    Verifier,
    check_match,
    header,
)
from tests.http.verify.signing import accepts, hexadecimal

HERE = Path(__file__)
KINDS = [StandardWebhooks, GitHub, Stripe, Slack]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(StandardWebhooks, "standard-webhooks"), (GitHub, "github"), (Stripe, "stripe"), (Slack, "slack")],
)
def test_it_is_found_by_its_name(kind: type[Verifier], name: str) -> None:
    made = kind("AAAA")
    other = kind("AAAB", name="other")
    assert (made.name, other.name) == (name, "other")
    assert {name: made, "other": other} == VERIFIERS


def test_the_same_again_is_harmless() -> None:
    GitHub("one", "two")
    again = GitHub(b"two", "one", "two")
    assert {"github": again} == VERIFIERS
    Stripe("one")
    Stripe("one", tolerance="300s")


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(HERE.read_text().splitlines(), 1) if line.strip() == text)


@pytest.mark.parametrize(
    "other",
    [
        lambda: GitHub("two"),
        lambda: GitHub("one", "two"),
        lambda: Slack("one", name="github"),
    ],
    ids=["another secret", "one more", "another class"],
)
def test_another_of_that_name_is_refused(other: Callable[[], Verifier]) -> None:
    first = GitHub("one")
    with pytest.raises(UsageError):
        other()
    assert VERIFIERS["github"] is first


def test_the_refusal_names_both_places() -> None:
    GitHub("first secret")
    with pytest.raises(DuplicateName) as caught:
        GitHub("second secret")
    first, second = line_of('GitHub("first secret")'), line_of('GitHub("second secret")')
    assert str(caught.value) == (
        f"the name 'github' is defined twice: at {HERE}:{first} and at {HERE}:{second}; give one of them name=…"
    )
    assert GitHub("second secret", name="github-2").name == "github-2"


def test_another_tolerance_is_another_verifier() -> None:
    Stripe("one")
    with pytest.raises(DuplicateName):
        Stripe("one", tolerance="1d")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("secrets", "why"),
    [
        ([], "was given no secret: without one it can't check anything"),
        ([""], "was given an empty secret: is its variable set?"),
        ([b""], "was given an empty secret: is its variable set?"),
        (["AAAA", ""], "was given an empty secret: is its variable set?"),
        ([None], "was given a secret of type NoneType: is its variable set?"),
        ([["AAAA"]], "was given a secret of type list: is its variable set?"),
        (["AAAA\n"], "was given a secret with white space around it: strip it"),
    ],
)
def test_no_secret(kind: Any, secrets: list[Any], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind(*secrets)
    assert str(caught.value) == f"the verifier {kind.kind!r} {why}"
    assert VERIFIERS == {}


def test_no_sentence_shows_a_secret() -> None:
    for secret in ("hidden\ud800", " hidden", "hidden\n"):
        with pytest.raises(UsageError) as caught:
            GitHub(secret)
        assert "hidden" not in str(caught.value)
    with pytest.raises(UsageError) as caught:
        StandardWebhooks("whsec_hidden!")
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("secret", [b" a", b"\n\x00", b"\xff"])
def test_bytes_are_taken_as_they_are(secret: bytes) -> None:
    GitHub(secret)


@pytest.mark.parametrize("kind", KINDS)
def test_repr_shows_no_secret(kind: type[Verifier]) -> None:
    assert repr(kind("AAAA")) == f"<verifier {kind.kind}: {kind.__name__}, 1 secret>"
    assert repr(kind("AAAA", "AAAB", name="b")) == f"<verifier b: {kind.__name__}, 2 secrets>"


@pytest.mark.parametrize("name", ["", 3, "\ud800"])
def test_names_that_are_none(name: Any) -> None:
    with pytest.raises(UsageError):
        GitHub("one", name=name)


def test_tolerances_that_are_none() -> None:
    with pytest.raises(DurationInvalid):
        Slack("one", tolerance="soon")
    with pytest.raises(DurationInvalid):
        Slack("one", tolerance=-1)
    with pytest.raises(UsageError, match="lets no request through"):
        Slack("one", tolerance="20ms")
    assert VERIFIERS == {}


class Shared(Verifier):
    """As a user may write one."""

    kind = "shared"

    def check(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now_s: float) -> None:
        given = header(headers, "x-secret")
        if given == "open sesame":
            raise SignatureInvalid("it gives the secret away")
        check_match([given], [digest.hex() for digest in self.digests(method.encode(), url.encode(), body)])


def test_one_of_a_users_own() -> None:
    mine = Shared("open sesame")
    assert VERIFIERS["shared"] is mine
    signed = {"x-secret": hexadecimal(b"open sesame", b"POSThttps://app.example/hook{}")}
    assert accepts(mine, signed, b"{}")
    assert not accepts(mine, signed, b"[]")
    assert not accepts(mine, {"x-secret": "open sesame"}, b"{}")


@workflow
async def waits_for_a_push() -> str:
    async with create_webhook(verify=GitHub("a secret to nobody"), token="push") as webhook:
        return webhook.token


@pytest.mark.anyio
async def test_a_log_has_the_name_alone(tmp_path: Path) -> None:
    configure(world=f"sqlite:///{tmp_path}/runs.db", base_url="https://app.example")
    try:
        run = await start(waits_for_a_push)
        assert await run.result() == "push"
        [created] = [event.data async for event in run.events() if event.type == "hook_created"]
    finally:
        await close()
    assert created["webhook"]["verify"] == "github"
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"github" in stored
    assert b"secret to nobody" not in stored
