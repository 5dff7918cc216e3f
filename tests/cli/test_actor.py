"""Who acts: `--by NAME`, else PERDURE_BY, else the login name."""

import getpass
from pathlib import Path

import msgspec
import pytest

from perdure.cli.world import in_world
from perdure.codec.fact import unpack
from perdure.engine.engine import Engine
from perdure.engine.log import read_log, to_events
from perdure.model.ids import RunId
from tests.cli.shop import Shop, say

LATEST = ("--deployment", "v2")


def acts(run_id: str) -> list[tuple[str, str | None]]:
    """What was done to the run, and by whom: in its log, or waiting for a worker that takes it there."""

    async def read(engine: Engine) -> list[tuple[str, str | None]]:
        log = await read_log(engine.world, RunId(run_id))
        mail = await engine.world.read_mail(RunId(run_id))
        facts = [event.fact for event in to_events(log)] + [unpack(letter.kind, letter.payload) for letter in mail]
        return [(fact.type, fact.by) for fact in facts if getattr(fact, "by", None) is not None]  # pyright: ignore

    return in_world(None, read)


@pytest.mark.parametrize(
    ("run", "words", "type_"),
    [
        ("asleep", ("cancel",), "cancel_requested"),
        ("asleep", ("cancel", "--now"), "run_cancelled"),
        ("asleep", ("wake",), "wake_requested"),
        ("asleep", ("repin", *LATEST), "run_repinned"),
        ("failed", ("retry",), "run_retried"),
    ],
)
def test_what_is_done_says_by_whom(shop: Shop, run: str, words: tuple[str, ...], type_: str) -> None:
    assert say(*words, shop.runs[run], "--by", "Ann Lee").exit_code == 0
    assert acts(shop.runs[run]) == [(type_, "Ann Lee")]


def test_a_new_run_says_who_wanted_it_and_of_which_it_is(shop: Shop) -> None:
    run_id = say("rerun", shop.runs["failed"], "--by", "ann").stdout.removesuffix("\n")
    shown = say("inspect", "events", run_id, "--json", "--with-data").stdout
    data = msgspec.json.decode(shown)["items"][0]["data"]
    assert (data["by"], data["rerunOf"]) == ("ann", shop.runs["failed"])


def test_a_payload_says_who_sent_it(desk: Shop) -> None:
    token = say("inspect", "hooks", desk.runs["asking"]).stdout.splitlines()[1].split("\t")[0]
    assert say("resume-hook", token, "1", "--by", "ann").exit_code == 0
    assert acts(desk.runs["asking"]) == [("hook_received", "ann")]


def test_the_environment_and_the_login_name_stand_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    say("wake", shop.runs["asleep"])
    monkeypatch.setenv("PERDURE_BY", "ann")
    say("wake", shop.runs["asleep"])
    say("wake", shop.runs["asleep"], "--by", "bob")
    assert [by for _, by in acts(shop.runs["asleep"])] == ["root", "ann", "bob"]


@pytest.mark.parametrize("trouble", [KeyError("uid not found: 1234"), OSError("no user"), "two\nlines"])
def test_a_process_without_a_usable_user_is_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, trouble: Exception | str
) -> None:
    def getuser() -> str:
        if isinstance(trouble, str):
            return trouble
        raise trouble

    monkeypatch.setattr(getpass, "getuser", getuser)
    assert say("wake", shop.runs["asleep"]).exit_code == 0
    assert acts(shop.runs["asleep"]) == []


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines"])
def test_a_name_that_is_none(folder: Path, name: str) -> None:
    done = say("wake", "wrun_" + "0" * 26, "--by", name)
    assert done.exit_code == 2
    assert "give 1 to 200 printable characters" in done.stderr
