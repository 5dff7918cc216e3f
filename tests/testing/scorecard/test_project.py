"""Which files are read, and what is said of those that can't be."""

from pathlib import Path

import pytest

from perdure.errors import ArgumentsInvalid, DefinitionInvalid, UsageError
from perdure.replay.linter.library import module_of
from perdure.testing.scorecard.project import read_code, root_of
from tests.testing.scorecard.written import write

FLOW = "from perdure import workflow\n@workflow\nasync def flow(): ...\n"


def test_what_it_imports_and_who_imports_it(folder: Path) -> None:
    write(folder, {
        "shop/__init__.py": "", "shop/flows.py": "from shop import gate\n" + FLOW, "shop/gate.py": "from lib.far import x\n",
        "lib/far.py": "x = 1\n", "shop/app.py": "from .flows import flow\n", "shop/other.py": "import os\n",
        "shop/bad.py": "def\n",
    })  # fmt: skip
    files = read_code(["shop/flows.py"]).files
    assert [file.path for file in files] == [
        "shop/flows.py",
        "shop/__init__.py",
        "shop/gate.py",
        "lib/far.py",
        "shop/app.py",
    ]
    assert [file.path for file in files if file.scored] == ["shop/flows.py"]
    assert read_code(["shop.flows"]).files[0].path == "shop/flows.py"


def test_a_folder_is_all_its_files(folder: Path) -> None:
    write(folder, {"shop/a.py": FLOW, "shop/b.py": FLOW})
    assert [each.file.path for each in read_code(["shop"]).workflows] == ["shop/a.py", "shop/b.py"]


def test_a_broken_import_is_no_evidence(folder: Path) -> None:
    write(folder, {"flows.py": "import gate\n" + FLOW, "gate.py": "def\n"})
    assert [file.path for file in read_code(["flows.py"]).files] == ["flows.py"]


@pytest.mark.parametrize(
    ("target", "kind", "sentence"),
    [
        (
            "nowhere",
            ArgumentsInvalid,
            "perdure scorecard: 'nowhere' is neither a file, nor a module that can be found here",
        ),
        ("nowhere.py", ArgumentsInvalid, "perdure scorecard: nowhere.py can't be read: No such file or directory"),
        ("bad.py", DefinitionInvalid, "bad.py:1 can't be defined"),
        (
            "plain.py",
            UsageError,
            "plain.py defines no workflow: name the files or modules whose functions have @workflow",
        ),
    ],
)
def test_what_cant_be_scored(folder: Path, target: str, kind: type[UsageError], sentence: str) -> None:
    write(folder, {"bad.py": "def\n", "plain.py": "x = 1\n"})
    with pytest.raises(kind) as raised:
        read_code([target])
    assert sentence in str(raised.value)


def test_names_and_roots(folder: Path) -> None:
    write(folder, {"src/shop/__init__.py": "", "src/shop/flows.py": ""})
    assert module_of("src/shop/flows.py") == "shop.flows"
    assert module_of("src/shop/__init__.py") == "shop"
    assert root_of("src/shop/flows.py") == folder
