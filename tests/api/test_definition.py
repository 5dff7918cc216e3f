"""Names of functions: of methods, of `__main__` run as a file and with `-m`, after a reload."""

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from perdure import DefinitionInvalid
from perdure.api.definition import closed_over, name_of, place_of, signature_of

SCRIPT = """
import asyncio
from dataclasses import dataclass
from perdure import configure, start, step, workflow

configure(world="memory://")

@dataclass
class Order:
    id: str

@step
async def charge(order: Order) -> Order:
    return order

@workflow
async def fulfil(order):
    return await charge(order)

async def main():
    run = await start(fulfil, Order("o-1"))
    print(await run.result())
    print(fulfil.definition.name, charge.definition.name)

asyncio.run(main())
"""


class Till:
    def charge(self) -> None: ...


def outer() -> None: ...


def test_a_name_is_module_and_qualname() -> None:
    assert name_of(outer) == f"{__name__}:outer"
    assert name_of(Till.charge) == f"{__name__}:Till.charge"
    assert name_of(lambda: None).startswith(f"{__name__}:test_a_name_is_module_and_qualname.<locals>")


def test_a_place_is_file_and_line() -> None:
    assert place_of(outer) == f"{__file__}:{outer.__code__.co_firstlineno}"
    assert place_of(print) == "unknown:0"


def test_a_signature_with_its_names() -> None:
    assert signature_of("app:charge", Till.charge) == inspect.signature(Till.charge)


def test_what_has_no_signature_of_its_own() -> None:
    with pytest.raises(DefinitionInvalid) as caught:
        signature_of("app:f", classmethod(outer))  # type: ignore[arg-type]
    assert (
        str(caught.value) == "app:f can't be defined: it is a classmethod, not a function; put @classmethod outermost"
    )
    with pytest.raises(DefinitionInvalid) as caught:
        signature_of("app:print", print)
    assert str(caught.value) == "app:print can't be defined: it is a builtin_function_or_method, not a function"


def test_what_a_function_closes_over() -> None:
    one, two = 1, 2

    def closes() -> int:
        return one + two

    class Child(Till):
        def charge(self) -> None:
            super().charge()

    assert closed_over(closes) == ["one", "two"]
    assert closed_over(outer) == []
    assert closed_over(Child.charge) == [], "what super() needs isn't a variable"


def run_python(*arguments: str, cwd: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=cwd,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_in_main_the_module_is_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SCRIPT)
    assert run_python("shop.py", cwd=tmp_path) == ["Order(id='o-1')", "shop:fulfil shop:charge"]


def test_in_main_the_module_is_the_one_that_m_was_given(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "__init__.py").touch()
    (tmp_path / "store" / "shop.py").write_text(SCRIPT)
    (tmp_path / "store" / "__main__.py").write_text(SCRIPT)
    assert run_python("-m", "store.shop", cwd=tmp_path) == [
        "Order(id='o-1')",
        "store.shop:fulfil store.shop:charge",
    ]
    assert run_python("-m", "store", cwd=tmp_path)[1] == "store:fulfil store:charge"


DEFINES = """
from perdure import step, workflow

@step
async def charge() -> int:
    return {n}

@workflow
async def fulfil() -> int:
    return await charge()
"""


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_reloaded_module_replaces_its_definitions(tmp_path: Path) -> None:
    path = tmp_path / "reloaded_shop.py"
    path.write_text(DEFINES.format(n=1))
    first = load(path, "reloaded_shop")
    path.write_text("# a comment more\n" + DEFINES.format(n=2))
    second = load(path, "reloaded_shop")
    assert first.fulfil.definition.name == second.fulfil.definition.name == "reloaded_shop:fulfil"


def test_the_same_name_from_another_file_is_taken(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twin_shop.py").write_text(DEFINES.format(n=1))
    load(tmp_path / "one" / "twin_shop.py", "twin_shop")
    with pytest.raises(Exception, match=r"the name 'twin_shop:charge' is defined twice: at .*one.* and at .*two"):
        load(tmp_path / "two" / "twin_shop.py", "twin_shop")
