"""The linter's ways in: functions, files, modules and what a person types."""

import functools
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from perdure.errors import ArgumentsInvalid, DefinitionInvalid
from perdure.replay.linter.check import check_file, check_function, check_module, check_paths

BAD = "import time\nfrom perdure import workflow\n\n@workflow\nasync def fulfil():\n    time.time()\n"
LINE = "clock time.time() reads the clock, which shows another time in a replay; use now()"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str = BAD) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


# -- functions


def stamp() -> float:
    return time.time()


async def body() -> float:
    return stamp()


def test_a_function_and_what_it_calls() -> None:
    assert [(found.file, found.function, found.rule) for found in check_function(body)] == [
        (__file__, "stamp", "clock"),
    ]


def test_a_function_within_a_function() -> None:
    async def inner() -> float:
        return time.monotonic()

    (found,) = check_function(inner)
    assert found.function == "test_a_function_within_a_function.inner"


def test_a_function_under_a_decorator() -> None:
    def decorate(fn: Callable[[], object]) -> Callable[[], object]:
        @functools.wraps(fn)
        def decorated() -> object:
            return fn()

        return decorated

    @decorate
    def inner() -> float:
        return time.monotonic()

    (found,) = check_function(inner)
    assert found.message.startswith("time.monotonic()")


def test_names_of_the_running_module() -> None:
    """As in a notebook, whose cells are sources of their own."""
    text = "async def body():\n    clock.time()\n    open('x')\n"
    first, second = (run_cell(write("cell.py", text), clock=clock, open=print) for clock in (time, sys))
    assert [str(found) for found in check_function(first)] == [f"cell.py:2:5 {LINE}"]
    assert check_function(second) == []


def run_cell(path: str, **names: object) -> Callable[..., object]:
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), names)
    body = names["body"]
    assert callable(body)
    return body


@pytest.mark.parametrize(
    ("fn", "why"),
    [
        (eval("lambda: 1"), "there is no file"),
        (print, "there is no Python"),
        (functools.partial(body), "it is no function"),
    ],
)
def test_where_no_source_can_be_had_there_is_nothing_to_say(fn: Callable[..., object], why: str) -> None:
    assert check_function(fn) == [], why


def test_a_file_that_was_edited_since_it_ran() -> None:
    module = load(write("edited.py", "async def body():\n    open('x')\n"))
    assert len(check_function(module.body)) == 1
    write("edited.py", "async def body():\n    opened('x', 1)\n")
    assert check_function(module.body) == []
    write("edited.py", "async def body(:\n")
    assert check_function(module.body) == []


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("edited", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- files


def test_a_file() -> None:
    assert [str(found) for found in check_file(write("app.py"))] == [f"app.py:6:5 {LINE}"]
    assert check_file(Path("app.py")) == check_file("app.py")


def test_a_file_in_another_encoding() -> None:
    Path("app.py").write_bytes(b"# coding: latin-1\n" + BAD.encode() + b"\n'\xe9'\n")
    assert [found.line for found in check_file("app.py")] == [7]


SHELF = """
import time
from app.clock import stamp
def put():
    return stamp()
def silent():
    return time.time()  # perdure: ignore[clock] - only logged
TAGS = {"a", "b"}
"""
FLOW = """
from perdure import sleep, step, workflow
from app import shelf
from app.shelf import TAGS, silent
from app.steps import charge

@workflow
async def fulfil():
    shelf.put()
    silent()
    for tag in TAGS: ...
    charge(1)
    await charge(2)
"""


def test_what_a_body_reaches_in_other_files() -> None:
    write("app/__init__.py", "")
    write("app/clock.py", "import time\ndef stamp():\n    return time.time()\n")
    write("app/shelf.py", SHELF)
    write(
        "app/steps.py", "import time\nfrom perdure import step\n@step\nasync def charge(n):\n    return time.time()\n"
    )
    write("app/flow.py", FLOW)
    told = [
        "app/clock.py:3:12 clock time.time() reads the clock, which shows another time in a replay "
        "(stamp runs in fulfil, app/flow.py:8); use now()",
        "app/flow.py:11:16 set-order a set gives its members in another order in a replay; use sorted(…), or a list or dict",
        "app/flow.py:12:5 unawaited the step charge() isn't awaited: it doesn't happen, or nobody waits for it; "
        "use await charge(…)",
    ]
    assert [str(found) for found in check_file("app/flow.py")] == told
    assert [str(found) for found in check_paths(["app", "app.flow"])] == told, "none twice"


def test_what_two_files_reach_is_found_once() -> None:
    write("clock.py", "import time\ndef stamp():\n    return time.time()\n")
    for name in ("a.py", "b.py"):
        write(name, "from clock import stamp\nfrom perdure import workflow\n@workflow\nasync def f(): stamp()\n")
    (found,) = check_paths(["a.py", "b.py"])
    assert (found.file, found.message[-25:]) == ("clock.py", "(stamp runs in f, a.py:4)")


def test_a_registration_looks_at_its_own_file() -> None:
    write("perdure_clock.py", "import time\ndef stamp():\n    return time.time()\n")
    module = load(write("edited.py", "def body():\n    from perdure_clock import stamp\n    stamp()\n"))
    assert check_function(module.body) == []


def test_a_file_without_workflows() -> None:
    assert check_file(write("app.py", "import time\ntime.time()\n")) == []
    assert check_file(write("app.py", "")) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"x = 1\ndef f(:\n", "app.py:2 can't be defined: invalid syntax"),
        (
            b"\n\n\xff",
            "app.py can't be defined: 'utf-8' codec can't decode byte 0xff in position 2: invalid start byte",
        ),
        (b"# coding: nonsense\n", "app.py can't be defined: unknown encoding: nonsense"),
        (b"x = '\0'\n", "app.py can't be defined: source code string cannot contain null bytes"),
    ],
)
def test_a_file_that_is_no_python(text: bytes, sentence: str) -> None:
    Path("app.py").write_bytes(text)
    with pytest.raises(DefinitionInvalid) as raised:
        check_file("app.py")
    assert str(raised.value) == sentence


def test_a_file_that_is_nested_too_deeply() -> None:
    write("app.py", f"from perdure import workflow\n@workflow\nasync def f():\n    return {'1 + ' * 5000}1\n")
    with pytest.raises(DefinitionInvalid) as raised:
        check_file("app.py")
    assert str(raised.value) == "app.py can't be defined: its expressions are nested too deeply"


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        check_file("app.py")
    assert str(raised.value) == (
        "the arguments don't fit perdure check: app.py can't be read: No such file or directory"
    )


# -- modules


@pytest.fixture
def package() -> None:
    """Raises when it is imported."""
    write("perdure_shop/__init__.py", f"raise RuntimeError\n{BAD}")
    write("perdure_shop/orders.py")
    write("perdure_shop/parts/deep.py", f"raise RuntimeError\n{BAD}")


@pytest.mark.usefixtures("package")
def test_a_module_is_found_without_importing_its_package() -> None:
    assert [found.file for found in check_module("perdure_shop.orders")] == ["perdure_shop/orders.py"]
    assert [found.file for found in check_module("perdure_shop.parts.deep")] == ["perdure_shop/parts/deep.py"]
    assert "perdure_shop" not in sys.modules


@pytest.mark.usefixtures("package")
def test_a_package_is_checked_whole() -> None:
    assert [found.file for found in check_module("perdure_shop")] == [
        "perdure_shop/__init__.py",
        "perdure_shop/orders.py",
        "perdure_shop/parts/deep.py",
    ]
    assert [found.file for found in check_module("perdure_shop.parts")] == ["perdure_shop/parts/deep.py"]


def test_a_module_of_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    write("lib/perdure_shop.py")
    monkeypatch.syspath_prepend("lib")
    assert [found.file for found in check_module("perdure_shop")] == ["lib/perdure_shop.py"]


def test_a_module_elsewhere_is_shown_with_its_whole_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    write("lib/perdure_shop.py")
    Path("work").mkdir()
    monkeypatch.syspath_prepend(folder / "lib")
    monkeypatch.chdir("work")
    assert [found.file for found in check_module("perdure_shop")] == [str(folder / "lib/perdure_shop.py")]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "name",
    ["perdure_sho", "perdure_shop.nothing", "perdure_shop.orders.fulfil", "perdure_shop..orders", "", "no name"],
)
def test_a_module_that_is_not_there(name: str) -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        check_module(name)
    assert str(raised.value) == (
        f"the arguments don't fit perdure check: {name!r} is neither a file, nor a module that can be found here"
    )


def test_a_module_without_source() -> None:
    with pytest.raises(ArgumentsInvalid) as raised:
        check_module("sys")
    assert str(raised.value) == "the arguments don't fit perdure check: the module 'sys' has no Python source"


# -- targets


@pytest.mark.usefixtures("package")
def test_targets_are_files_folders_and_modules() -> None:
    write("perdure_app.py")
    found = check_paths(["perdure_app.py", "perdure_shop/parts", "perdure_shop.orders", "perdure_app", "perdure_shop"])
    assert [found.file for found in found] == [
        "perdure_app.py",
        "perdure_shop/parts/deep.py",
        "perdure_shop/orders.py",
        "perdure_shop/__init__.py",
    ]
    assert check_paths([]) == []


def test_a_folder_without_what_is_not_the_project_s() -> None:
    for path in ("a.py", ".hidden/b.py", "venv/pyvenv.cfg", "venv/lib/c.py", "sub/d.py", "e.txt"):
        write(path)
    assert [found.file for found in check_paths(["."])] == ["a.py", "sub/d.py"]


@pytest.mark.parametrize("target", ["nothing.py", "no/such/thing"])
def test_a_path_is_not_taken_for_a_module(target: str) -> None:
    with pytest.raises(ArgumentsInvalid, match="can't be read: No such file or directory"):
        check_paths([target])


def test_a_file_without_the_suffix() -> None:
    assert [found.file for found in check_paths([write("script")])] == ["script"]
