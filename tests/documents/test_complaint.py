"""Every public name explains itself, with its parameters and errors, and has its place in the reference."""

import griffe
import pytest

from documents import complaint
from documents.complaint import complaints, optional, raised, unexplained, unknown, unmentioned, unplaced
from documents.names import named

PLANTED = '''
from perdure.errors import UsageError

def f(given: int, asked: int = 1, *rest: int, **more: int) -> None:
    """Does. Raises: UsageError, NeverHeard, TimeoutError."""
    if given:
        raise UsageError("no")
    raise ValueError("no")
'''


def test_there_is_nothing_to_complain_of() -> None:
    assert complaints() == []


@pytest.mark.parametrize("path", ["perdure.race", "perdure.Run.cancel", "perdure.sync.Run.fork", "perdure.http.Action"])
def test_a_name_without_a_docstring_is_found(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named(path), "docstring", None)
    assert f"{path}: it has no docstring" in [*unexplained()]


def test_a_variable_without_a_word_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named("perdure.cli.actor.VARIABLE"), "docstring", None)
    assert [*unexplained()] == ["PERDURE_BY: nothing below it says what it means"]


def test_what_a_docstring_leaves_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named("perdure.get_hook"), "docstring", griffe.Docstring("The hook."))
    monkeypatch.setattr(named("perdure.patched"), "docstring", griffe.Docstring("Whether. Raises: NeverHeard."))
    found = [*unmentioned()]
    assert "perdure.get_hook: its docstring doesn't say what closed_too means" in found
    assert "perdure.patched: its docstring doesn't say that it raises NotInWorkflow" in found
    assert "perdure.patched: it says that it raises NeverHeard, which is nothing" in found


def test_a_docstring_may_point_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named("perdure.get_hook"), "docstring", griffe.Docstring("As `other`, and `perdure.get_hook`."))
    assert "perdure.get_hook: its docstring doesn't say what closed_too means" in [*unmentioned()]
    monkeypatch.setattr(named("perdure.find_run"), "docstring", griffe.Docstring("`closed_too`. As `get_hook`."))
    monkeypatch.setattr(named("perdure.get_hook"), "docstring", griffe.Docstring("As `find_run`."))
    assert [found for found in unmentioned() if found.startswith("perdure.get_hook")] == []


def test_what_has_no_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [one for one in complaint.regions() if one.name != "perdure.race" and one.what != "errors"]
    without_start = [one for one in regions if one.words != ("perdure", "start")]
    monkeypatch.setattr(complaint, "regions", lambda: without_start)
    assert [found.partition(":")[0] for found in unplaced()] == ["errors", "command perdure start", "perdure.race"]


def test_parameters_and_errors_are_read_from_the_source() -> None:
    with griffe.temporary_visited_module(PLANTED, module_name="planted") as module:
        function = module.members["f"]
        assert isinstance(function, griffe.Function)
        assert [*optional(function)] == ["asked"]
        assert raised(function) == {"UsageError"}
        assert [*unknown(function)] == ["NeverHeard"]
