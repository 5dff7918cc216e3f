"""Fixtures: a shop's world, a desk's, the folder that a command runs in."""

from pathlib import Path

import pytest

from tests.cli import desk as desks
from tests.cli import diary as diaries
from tests.cli.shop import Shop, make


@pytest.fixture(scope="session")
def _first_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def _first_desk(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return desks.make(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="session")
def _first_diary(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return diaries.make(tmp_path_factory.mktemp("diary"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty; no world is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PERDURE_WORLD", raising=False)
    return tmp_path


@pytest.fixture
def shop(_first_shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop's world of this test's own, in PERDURE_WORLD."""
    copy = _first_shop.copy(folder)
    monkeypatch.setenv("PERDURE_WORLD", copy.url)
    return copy


@pytest.fixture
def desk(_first_desk: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A world of hooks, waits and streams of this test's own, in PERDURE_WORLD."""
    copy = _first_desk.copy(folder)
    monkeypatch.setenv("PERDURE_WORLD", copy.url)
    return copy


@pytest.fixture
def diary(_first_diary: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A world of what steps have logged, of this test's own, in PERDURE_WORLD."""
    copy = _first_diary.copy(folder)
    monkeypatch.setenv("PERDURE_WORLD", copy.url)
    return copy
