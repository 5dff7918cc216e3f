"""`perdure resume-hook`."""

from pathlib import Path

import pytest

from perdure.api.hook import DEFINITIONS
from perdure.cli.world import in_world
from perdure.codec.fact import unpack
from perdure.codec.value import decode
from perdure.engine.engine import Engine
from perdure.model.event import HookReceived
from perdure.model.ids import RunId
from tests.cli.shop import Shop, say

UNSERVED = "no live worker serves desk:ask: the run waits for one; start it with `perdure worker MODULE`\n"
NOT_FOUND = (
    "perdure: no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended\n"
)


@pytest.fixture
def token(desk: Shop) -> str:
    """A random one, of a hook whose type nobody here knows."""
    return say("inspect", "hooks", desk.runs["asking"]).stdout.splitlines()[1].split("\t")[0]


def payloads(run_id: str) -> list[object]:
    """What was accepted for the run, and waits for a worker."""

    async def read(engine: Engine) -> list[object]:
        letters = await engine.world.read_mail(RunId(run_id))
        facts = [unpack(letter.kind, letter.payload) for letter in letters]
        return [decode(fact.payload) for fact in facts if isinstance(fact, HookReceived)]

    return in_world(None, read)


@pytest.mark.parametrize(
    ("words", "payload"), [((), None), (("3",), 3), (('{"$": "dt"}',), {"$": "dt"}), (('"text"',), "text")]
)
def test_a_payload_is_accepted(desk: Shop, token: str, words: tuple[str, ...], payload: object) -> None:
    done = say("resume-hook", token, *words)
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{desk.runs['asking']}\n", UNSERVED)
    assert payloads(desk.runs["asking"]) == [payload]


def test_from_standard_input(desk: Shop, token: str) -> None:
    assert say("resume-hook", token, "-", input="[1, 2]\n").exit_code == 0
    assert payloads(desk.runs["asking"]) == [[1, 2]]


def test_a_second_try_has_no_effect(desk: Shop, token: str) -> None:
    first = say("resume-hook", token, "3", "--idempotency-key", "a")
    second = say("resume-hook", token, "3", "--idempotency-key", "a")
    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout) == (0, f"{desk.runs['asking']}\n")
    assert payloads(desk.runs["asking"]) == [3]
    other = say("resume-hook", token, "4", "--idempotency-key", "a")
    assert (other.exit_code, other.stdout) == (2, "")
    assert other.stderr == (
        "perdure: the idempotency key 'a' was used with another payload: give the same payload, or another key\n"
    )


@pytest.mark.parametrize("words", [("nope",), ("report",), ("\ud800",), ("report", "--idempotency-key", "a")])
def test_no_hook_takes_it(desk: Shop, words: tuple[str, ...]) -> None:
    done = say("resume-hook", *words)
    assert (done.exit_code, done.stdout, done.stderr) == (3, "", NOT_FOUND)


def test_a_webhook_takes_requests_alone(desk: Shop) -> None:
    token = say("inspect", "hooks", desk.runs["receiving"]).stdout.split("\t")[0]
    done = say("resume-hook", token, "{}")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("perdure: this token is a webhook's, which takes HTTP requests alone: send one to its URL\n")
    assert payloads(desk.runs["receiving"]) == []


def test_a_payload_of_a_known_kind_is_checked(desk: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    known = DEFINITIONS["desk"]
    monkeypatch.setattr("perdure.api.hook.DEFINITIONS", {})
    assert say("resume-hook", "desk:o-1", '{"approved": 3}').exit_code == 0
    monkeypatch.setattr("perdure.api.hook.DEFINITIONS", {"desk": known})
    done = say("resume-hook", "desk:o-1", '{"approved": 4}')
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("perdure: the payload doesn't fit: payload")
    assert payloads(desk.runs["asking"]) == [{"approved": 3}]


def test_kinds_are_known_by_importing_them(desk: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.api.hook.DEFINITIONS", {})
    (folder / "kinds.py").write_text("from perdure import define_hook\ndefine_hook(int, prefix='desk')\n")
    monkeypatch.syspath_prepend(folder)
    done = say("resume-hook", "desk:o-1", '"x"', "--import", "kinds")
    assert (done.exit_code, done.stdout) == (2, "")
    (folder / "others.py").write_text("from perdure import define_hook\ndefine_hook(int, prefix='other')\n")
    done = say("resume-hook", "third:x", '"x"', "--import", "others")
    assert done.stderr == (
        f"others defines no hooks of this kind: the payload is checked when it is delivered\n{NOT_FOUND}"
    )
    done = say("resume-hook", "desk:o-1", '"x"', "--import", "not_there_1")
    assert done.stderr.startswith("perdure: there is no module not_there_1, ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("desk:o-1", "{"), "perdure: the JSON is invalid at line 1, column 2: "),
        (("desk:o-1", "[" * 300 + "]" * 300), "perdure: payload"),
        ((), "Usage: perdure resume-hook"),
    ],
)
def test_what_is_asked_wrongly_sends_nothing(desk: Shop, words: tuple[str, ...], sentence: str) -> None:
    done = say("resume-hook", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert payloads(desk.runs["asking"]) == []


@pytest.mark.usefixtures("folder")
def test_looking_makes_no_world() -> None:
    assert say("resume-hook", "desk:o-1").exit_code == 4
