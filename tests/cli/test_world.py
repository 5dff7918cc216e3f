"""Which world a command works on, and that looking makes none."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perdure.cli.world import in_world, url_of, world_option
from perdure.engine.engine import Engine
from perdure.errors import WorldInvalid
from tests.cli.shop import Shop


@click.command()
@world_option
def where(world: str | None) -> None:
    click.echo(repr(world))


@pytest.mark.parametrize(
    ("words", "world"),
    [
        ([], "None"),
        (["--world", "a"], "'a'"),
        (["--backend", "b"], "'b'"),
        (["--backend", "b", "--world", "a"], "'a'"),
        (["--world", "a", "--backend", "b"], "'a'"),
    ],
)
def test_the_option_and_its_synonym(words: list[str], world: str) -> None:
    assert CliRunner().invoke(where, words).stdout == f"{world}\n"


def test_only_the_option_is_in_the_help() -> None:
    told = CliRunner().invoke(where, ["--help"]).stdout
    assert "--world URL" in told
    assert "--backend" not in told


@pytest.mark.usefixtures("folder")
def test_the_option_then_the_variable_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url_of(None) == "sqlite:///.perdure/perdure.db"
    monkeypatch.setenv("PERDURE_WORLD", "sqlite:///other.db")
    assert url_of(None) == "sqlite:///other.db"
    assert url_of("sqlite:///mine.db") == "sqlite:///mine.db"


def test_a_world_in_memory_is_another_processs() -> None:
    with pytest.raises(WorldInvalid) as caught:
        url_of("memory://")
    assert str(caught.value) == (
        "'memory://' is no usable world: it lives in one process's memory, and this is another process; "
        "use sqlite:///path"
    )


async def address(engine: Engine) -> str:
    return engine.world.url


def test_looking_makes_no_world(folder: Path) -> None:
    with pytest.raises(WorldInvalid) as caught:
        in_world("sqlite:///deep/down/runs.db", address)
    assert str(caught.value) == (
        "'sqlite:///deep/down/runs.db' is no usable world: "
        "there is no file deep/down/runs.db: start a run there first, or name another world with --world or PERDURE_WORLD"
    )
    assert list(folder.iterdir()) == []


def test_starting_makes_one(folder: Path) -> None:
    assert in_world("sqlite:///deep/down/runs.db", address, create=True) == "sqlite:///deep/down/runs.db"
    assert (folder / "deep/down/runs.db").exists()


def test_nothing_is_open_afterwards(shop: Shop) -> None:
    async def fail(engine: Engine) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_world(None, fail)
    assert in_world(None, address) == shop.url
    assert [file.name for file in shop.file.parent.iterdir()] == ["shop.db"]


@pytest.mark.usefixtures("folder")
def test_a_world_of_an_unknown_kind() -> None:
    with pytest.raises(WorldInvalid, match="its kind 'mysql' is unknown"):
        in_world("mysql://localhost", address)
