"""The files of a project: what a name of an import leads to, and what isn't the project's."""

import ast
from pathlib import Path

import pytest

from perdure.errors import ArgumentsInvalid, DefinitionInvalid
from perdure.replay.linter.library import Library, module_of, shown
from perdure.replay.linter.names import Defined


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str = "") -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def meant(text: str, path: str = "app/flow.py") -> str | None:
    """What the last expression of a file refers to: a full name, or `file:function`."""
    source = Library().read(write(path, text))
    last = source.scope.node.body[-1]  # type: ignore[union-attr]
    assert isinstance(last, ast.Expr)
    found = source.scope.resolve(last.value)
    if isinstance(found, Defined):
        home = found.scope.module.home
        assert home is not None
        return f"{home.source.file}:{found.qualname}"
    return found


@pytest.fixture(autouse=True)
def app(folder: Path) -> None:
    write("app/__init__.py", "from app.shelf import stamp as stamped\nfrom .shelf import *\n")
    write(
        "app/shelf.py",
        "import time\nfrom httpx import get\nnow = time.time\ndef stamp(): ...\nclass C:\n    def m(self): ...\n",
    )
    write("app/deep/__init__.py")
    write("app/deep/round.py", "from ..flow import go\nfrom .round import round_trip as round_trip\n")
    write("app/broken.py", "def f(:\n")
    write("beside.py", "def f(): ...\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from app.shelf import stamp\nstamp", "app/shelf.py:stamp"),
        ("from app import shelf\nshelf.stamp", "app/shelf.py:stamp"),
        ("import app.shelf\napp.shelf.stamp", "app/shelf.py:stamp"),
        ("import app.shelf as s\ns.C.m", "app/shelf.py:C.m"),
        ("from . import shelf\nshelf.stamp", "app/shelf.py:stamp"),
        ("from .shelf import stamp as s\ns", "app/shelf.py:stamp"),
        ("from app import stamped\nstamped", "app/shelf.py:stamp"),
        ("from .shelf import *\nstamp", "app/shelf.py:stamp"),
        ("from random import *\nfrom .shelf import *\nC", "app/shelf.py:C"),
        ("from beside import f\nf", "beside.py:f"),
        ("from app.shelf import now\nnow", "time.time"),
        ("from app.shelf import get\nget", "httpx.get"),
        ("from app.shelf import time\ntime.time", "time.time"),
        ("from .shelf import *\nopen", "builtins.open"),
        ("import random\nrandom.random", "random.random"),
        ("from unknown import f\nf", "unknown.f"),
        ("from app.nothing import f\nf", "app.nothing.f"),
        ("from app.broken import f\nf", "app.broken.f"),
        ("from .shelf import nothing\nnothing", None),
        ("from app.deep.round import go\ngo", "app.deep.round.go"),
        ("from app.deep.round import round_trip\nround_trip", "app.deep.round.round_trip"),
    ],
)
def test_what_a_name_of_an_import_leads_to(text: str, expected: str | None) -> None:
    assert meant(text) == expected


def test_a_script_imports_what_lies_beside_it() -> None:
    assert meant("from beside import f\nf", "script.py") == "beside.py:f"


@pytest.mark.parametrize("path", ["random.py", "app/random.py", "perdure.py"])
def test_python_s_own_and_perdure_s_are_never_the_project_s(path: str) -> None:
    write(path, "def random(): ...\ndef sleep(): ...\n")
    assert meant("import random\nrandom.random") == "random.random"
    assert meant("from perdure import sleep\nsleep") == "perdure.sleep"


def test_what_is_installed_is_not_the_project_s() -> None:
    write("lib/site-packages/shop.py", "def f(): ...\n")
    assert meant("from shop import f\nf", "lib/site-packages/app.py") == "shop.f"


def test_what_a_module_s_name_is_assigned() -> None:
    write("app/clients.py", "client = make()\ntwice = 1\ntwice = 2\n")
    source = Library().read(
        write("app/flow.py", "from app import clients\nfrom app.clients import client as c\nx = 1\n")
    )
    for text, name in (("clients.client", "client"), ("c", "client"), ("x", "x")):
        held = source.scope.value(ast.parse(text, mode="eval").body)
        assert held is not None and held.name == name and isinstance(held.scope.node, ast.Module)
    for text in ("clients.twice", "clients.nothing", "nothing", "f()", "c.post"):
        assert source.scope.value(ast.parse(text, mode="eval").body) is None


def test_a_file_is_read_once_under_the_name_that_it_was_asked_for_first(folder: Path) -> None:
    library = Library()
    source = library.read(folder / "beside.py")
    assert library.read("beside.py") is source and source.file == str(folder / "beside.py")
    assert library.known(Path("app/shelf.py")) is library.read("app/shelf.py")
    assert library.known(Path("app/broken.py")) is None and library.known(Path("nothing.py")) is None


def test_what_cannot_be_read_is_told_to_who_named_it() -> None:
    library = Library("perdure scorecard")
    assert library.known(Path("app/broken.py")) is None
    with pytest.raises(DefinitionInvalid, match=r"app/broken.py:1 can't be defined"):
        library.read("app/broken.py")
    with pytest.raises(ArgumentsInvalid, match="fit perdure scorecard: nothing"):
        library.read("nothing.py")


def test_the_name_of_a_file_s_module(folder: Path) -> None:
    assert [module_of(path) for path in ("app/shelf.py", "app/__init__.py", "app/deep/round.py", "beside.py")] == [
        "app.shelf", "app", "app.deep.round", "beside"
    ]  # fmt: skip
    assert (shown(folder / "app"), shown(folder.parent)) == ("app", str(folder.parent))
