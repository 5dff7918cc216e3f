"""Which code runs here, in a few characters."""

import asyncio
from inspect import signature
from pathlib import Path

import pytest

from perdure.engine.deployment import Code, deployment_name, deployment_of, is_named, pin_of
from perdure.engine.registry import Registry
from perdure.errors import UsageError
from perdure.model.definition import WorkflowDefinition
from tests.engine.program import ALL, do, held
from tests.engine.stage import Stage


async def flow() -> None: ...


@pytest.fixture(autouse=True)
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_DEPLOYMENT", raising=False)


def registry(*places: str) -> Registry:
    made = Registry()
    for number, place in enumerate(places):
        made.add(WorkflowDefinition(name=f"w{number}", function=flow, place=place, signature=signature(flow)))
    return made


def test_a_name_from_outside_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_DEPLOYMENT", "release-7")
    assert deployment_of(registry("a.py:1")) == "release-7"


def test_it_is_looked_up_again_only_when_there_is_another_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry("a.py:1")
    code = Code(known)
    first = code.now()
    assert first == (deployment_of(known), b'{"deployment":"%s"}' % first[0].encode())
    monkeypatch.setenv("PERDURE_DEPLOYMENT", "release-7")
    assert code.now() is first
    known.add(WorkflowDefinition(name="w9", function=flow, place="b.py:1", signature=signature(flow)))
    assert code.now() == ("release-7", b'{"deployment":"release-7"}')
    assert Code(known, "given").now()[0] == "given"


def test_it_follows_the_sources(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("one")
    first = deployment_of(registry(f"{source}:1"))
    assert (first[:5], len(first)) == ("code:", 17)
    assert deployment_of(registry(f"{source}:9", f"{source}:20")) == first, "whichever lines, however many workflows"
    source.write_text("two")
    assert deployment_of(registry(f"{source}:1")) != first


def test_the_order_of_files_is_nothing(tmp_path: Path) -> None:
    places = []
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(name)
        places.append(f"{tmp_path / name}:1")
    assert deployment_of(registry(*places)) == deployment_of(registry(*reversed(places)))


@pytest.mark.parametrize("place", ["<stdin>:1", "/nowhere/\udcff.py:1"])
def test_code_without_a_file_has_a_digest_too(place: str) -> None:
    assert len(deployment_of(registry(place))) == 17


def test_without_workflows_it_is_only_python() -> None:
    assert deployment_of(Registry()) == "code:py3"


def test_names_and_digests_are_told_apart() -> None:
    assert is_named("release-7")
    assert not is_named(deployment_of(Registry()))
    assert not is_named("")


@pytest.mark.parametrize("name", ["2026-01-31.2", "ünï", "a b", "x" * 128])
def test_a_name_is_a_text(name: str) -> None:
    assert deployment_name("deployment", name) == name


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[1m", "x" * 129, 7, None, b"v1", "\ud800"])
def test_what_is_none(name: object) -> None:
    with pytest.raises(UsageError) as caught:
        deployment_name("deployment", name)
    told = f"deployment={name!r} names no deployment: give a text of up to 128 characters, as in '2026-01-31.2'"
    assert str(caught.value) == told


@pytest.mark.parametrize("name", ["latest", "any", "code:", "code:1f"])
def test_words_with_a_meaning_of_their_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        deployment_name("deployment", name)
    told = f"deployment={name!r} can't name a deployment: the word has a meaning of its own; choose another"
    assert str(caught.value) == told
    monkeypatch.setenv("PERDURE_DEPLOYMENT", name)
    with pytest.raises(UsageError, match=r"^PERDURE_DEPLOYMENT="):
        deployment_of(Registry())


def test_latest_is_the_youngest_workers_that_serves_it() -> None:
    stage = Stage()

    async def act() -> None:
        assert await pin_of(stage.world, "latest", "t:one") == ""
        await stage.working(*ALL, deployment="v1")
        await asyncio.sleep(1)
        newest = await stage.working(*ALL, deployment="v2")
        await asyncio.sleep(1)
        await stage.working(do, held, deployment="v3")
        assert await pin_of(stage.world, "latest", "t:one") == "v2"
        await newest.close()
        assert await pin_of(stage.world, "latest", "t:one") == "v1"
        await stage.working(*ALL)
        assert await pin_of(stage.world, "latest", "t:one") == "", "a digest pins nothing"
        assert await pin_of(stage.world, "any", "t:one") == ""
        assert await pin_of(stage.world, "v0", "t:one") == "v0"

    stage.play(act)
