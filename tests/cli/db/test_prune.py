"""`perdure db prune`."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.shop import Shop, say


def kept(shop: Shop) -> dict[str, int]:
    return msgspec.json.decode(say("db", "status", "--json").stdout)["runs"]


def test_runs_that_ended_are_removed(shop: Shop) -> None:
    before = kept(shop)
    done = say("db", "prune", "--older-than", "0", "--dry-run")
    assert (done.exit_code, done.stdout) == (0, "3\n")
    assert done.stderr == "would be removed: 3 runs that ended 0 ms ago or earlier\n"
    assert kept(shop) == before
    done = say("db", "prune", "--older-than", "0")
    assert (done.exit_code, done.stdout) == (0, "3\n")
    assert done.stderr == "removed: 3 runs that ended 0 ms ago or earlier\n"
    assert kept(shop) == {status: count for status, count in before.items() if status in ("running", "pending")}
    assert say("db", "prune", "--older-than", "0").stdout == "0\n"


def test_what_is_young_stays(shop: Shop) -> None:
    done = say("db", "prune", "--older-than", "30d")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "0\n", "removed: 0 runs that ended 30 d ago or earlier\n")


def test_the_retention_of_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done = say("db", "prune")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "perdure: nobody said which runs are old: give --older-than 30d, or set PERDURE_RETENTION\n"
    monkeypatch.setenv("PERDURE_RETENTION", "1h")
    assert say("db", "prune").stderr == "removed: 0 runs that ended 1 h ago or earlier\n"
    monkeypatch.setenv("PERDURE_RETENTION", "soon")
    done = say("db", "prune")
    assert (done.exit_code, done.stderr[:41]) == (2, "perdure: PERDURE_RETENTION: 'soon' is no ")


@pytest.mark.parametrize("older", ["-1", "soon", "1 year"])
def test_what_is_no_duration(shop: Shop, older: str) -> None:
    assert say("db", "prune", "--older-than", older).exit_code == 2


def test_none_is_made(folder: Path) -> None:
    done = say("db", "prune", "--older-than", "1d")
    assert (done.exit_code, done.stdout) == (4, "")
    assert list(folder.iterdir()) == []
