"""Modules and functions that are named on the command line."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from perdure.cli.module import function_named, import_modules, load_steps, load_workflows
from perdure.errors import PerdureError, UsageError

IMPORTED = "{name} can't be imported: "


@pytest.fixture
def modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for modules that this process then imports."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return folder


def refusal(do: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        do()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "source", "sentence"),
    [
        ("not_there_1", None, "there is no module not_there_1, neither in {folder} nor where Python looks"),
        ("shop.not_there", None, "there is no module shop.not_there, neither in {folder} nor where Python looks"),
        ("shop/app.py", None, "shop/app.py is a file: name the module, as an import would: shop.app"),
        ("broken_1", "import not_there_2", IMPORTED + "ModuleNotFoundError: No module named 'not_there_2' ({file}:1)"),
        ("broken_2", "\n1 / 0", IMPORTED + "ZeroDivisionError: division by zero ({file}:2)"),
        ("broken_3", "\n\ndef", IMPORTED + "SyntaxError: invalid syntax (broken_3.py, line 3) ({file}:3)"),
    ],
)
def test_modules_that_cant_be_had(modules: Path, name: str, source: str | None, sentence: str) -> None:
    if source is not None:
        (modules / f"{name}.py").write_text(source)
    told = sentence.format(name=name, folder=modules, file=modules / f"{name}.py")
    assert refusal(lambda: import_modules([name])) == told
    assert refusal(lambda: function_named(f"{name}:f")) == told


def test_errors_of_perdures_own_stay_what_they_are(modules: Path) -> None:
    (modules / "broken_4.py").write_text("from perdure import RunNotFound\nraise RunNotFound('wrun_1')")
    with pytest.raises(PerdureError, match="there is no run wrun_1"):
        import_modules(["broken_4"])


def test_the_current_folder_comes_first(modules: Path) -> None:
    (modules / "found_here.py").write_text("")
    import_modules(["json", "found_here"])
    assert sys.path[0] == str(modules)
    assert sys.modules["found_here"].__file__ == str(modules / "found_here.py")


def test_modules_without_workflows(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.module.REGISTRY._served", frozenset[str]())
    assert refusal(lambda: load_workflows(("json", "os"))) == (
        "json, os defines no workflow: name the modules whose functions have @workflow"
    )
    monkeypatch.setattr("perdure.cli.module.REGISTRY._served", frozenset(("a:b",)))
    load_workflows(("json",))


def test_modules_without_steps(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.module.REGISTRY._steps", {"perdure:x": SimpleNamespace(name="perdure:x")})
    assert refusal(lambda: load_steps(("json", "os"))) == (
        "json, os defines no step: name the modules whose functions have @step"
    )
    monkeypatch.setattr("perdure.cli.module.REGISTRY._steps", {"a:b": SimpleNamespace(name="a:b")})
    load_steps(("json",))


def test_functions(modules: Path) -> None:
    (modules / "access.py").write_text("class Guard:\n    @staticmethod\n    def check(): ...\n")
    assert function_named("access:Guard.check").__name__ == "check"


@pytest.mark.parametrize("path", ["nothing", "loads.nothing", "__name__", "__name__.nothing"])
def test_functions_that_arent_there(modules: Path, path: str) -> None:
    assert refusal(lambda: function_named(f"json:{path}")) == f"json has no function {path}"


@pytest.mark.parametrize("text", ["", "access", ":check", "access:"])
def test_what_names_no_function(modules: Path, text: str) -> None:
    assert refusal(lambda: function_named(text)) == (
        f"{text!r} names no function: write MODULE:FUNCTION, as in app.access:authorize"
    )
