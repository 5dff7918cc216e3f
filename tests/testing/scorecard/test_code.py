"""What names mean across files."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.code import Code, is_none, shown
from perdure.testing.scorecard.project import read_code
from tests.testing.scorecard.written import write


def code(folder: Path, flows: str, gate: str) -> Code:
    write(folder, {"shop/__init__.py": "", "shop/flows.py": flows, "shop/gate.py": gate})
    return read_code(["shop/flows.py"])


FLOWS = """
from perdure import step as a_step, workflow
import perdure
from . import gate
from .gate import ask as question

quick = perdure.workflow(name="quick-one")

@a_step(max_retries=5)
def charge(): ...

class Desk:
    @workflow
    async def run(self):
        def inner():
            charge()
        inner()
        helper()

@quick
async def flow():
    question()
    gate.ask()

def helper():
    charge()

def apart(): ...
"""


@pytest.fixture
def shop(folder: Path) -> Code:
    return code(folder, FLOWS, "def ask(): ...\n")


def test_workflows_and_steps_under_any_name(shop: Code) -> None:
    assert [each.qualname for each in shop.workflows] == ["Desk.run", "flow"]
    assert [each.qualname for each in shop.steps] == ["charge"]
    assert shop.names == ["shop.flows:Desk.run", "quick-one"]


def test_bodies_are_what_workflows_reach(shop: Code) -> None:
    assert sorted(each.qualname for each in shop.bodies) == ["Desk.run", "Desk.run.inner", "ask", "flow", "helper"]


def test_options_of_a_decorator(shop: Code) -> None:
    [charge] = shop.steps
    assert shown(shop.option(charge, "step", "max_retries")) == "5"  # type: ignore[arg-type]
    assert is_none(shop.option(charge, "step", "retry"))
    assert charge.place == "shop/flows.py:10"


def test_names_that_mean_each_other_end(folder: Path) -> None:
    flows = "from perdure import workflow\nfrom .gate import a\n@workflow\nasync def flow():\n    a()\n"
    circular = code(folder, flows, "from .flows import a\n")
    assert [each.qualname for each in circular.bodies] == ["flow"]


def test_long_expressions_are_cut(shop: Code) -> None:
    import_line = shop.files[0].scope.node.body[0]  # type: ignore[attr-defined]
    assert shown(import_line, 12) == "from perdur…"
