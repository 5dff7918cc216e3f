"""Which code runs here, in a few characters."""

from inspect import signature
from pathlib import Path

import pytest

from perdure.engine.deployment import deployment_of
from perdure.engine.registry import Registry
from perdure.model.definition import WorkflowDefinition


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


def test_it_follows_the_sources(tmp_path: Path) -> None:
    source = tmp_path / "app.py"
    source.write_text("one")
    first = deployment_of(registry(f"{source}:1"))
    assert len(first) == 12
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
    assert len(deployment_of(registry(place))) == 12


def test_without_workflows_it_is_only_python() -> None:
    assert deployment_of(Registry()) == "py3"
