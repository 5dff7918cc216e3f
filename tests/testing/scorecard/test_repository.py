"""What lies around the code."""

from pathlib import Path

from perdure.testing.scorecard.repository import WAYS
from tests.testing.scorecard.written import FLOW, STEP, subject, write

TESTS = """
from flows import flow
def test_ann_approves(): ...
def test_ann_refuses(): ...
async def test_nobody_answers(): ...
def test_it_is_read_on(client):
    client.get("/stream?startIndex=3")
def test_it_survives():
    simulate(flow)
def helper_approves(): ...
"""


def test_tests_that_import_the_code(folder: Path) -> None:
    other = "from elsewhere import flow\ndef test_bob_approves(): ...\n"
    about = subject(folder, STEP + "    ...\n" + FLOW, tests__test_flows_DOT_py=TESTS, tests__test_other_DOT_py=other)
    kept = about.repository
    assert {way: [test.name for test in kept.tests_of(way)] for way in WAYS} == {
        "approval": ["test_ann_approves"],
        "rejection": ["test_ann_refuses"],
        "timeout": ["test_nobody_answers"],
        "reconnect": ["test_it_is_read_on"],
        "crash": ["test_it_survives"],
    }  # fmt: skip
    assert kept.tests_of("approval")[0].place == "tests/test_flows.py:3"
    assert len(kept.tests) == 5


def test_a_broken_test_is_no_evidence(folder: Path) -> None:
    assert subject(folder, STEP + "    ...\n" + FLOW, test_x_DOT_py="def\n").repository.tests == []


def test_documents_and_files_of_a_deploy(folder: Path) -> None:
    write(folder, {
        "docs/Runbook-shop.md": "Use `perdure retry`.\n", "flows-runbook.md": "Call Ann.\n", "runbook.py": "",
        "Dockerfile": "ENV PERDURE_WORLD=x\n", ".github/workflows/ci.yml": "run: perdure check m --against histories/\n",
        "page.html": "a\nnew EventSource()\n", "node_modules/RUNBOOK.md": "", "venv9/pyvenv.cfg": "", "venv9/RUNBOOK.md": "",
    })  # fmt: skip
    kept = subject(folder, STEP + "    ...\n" + FLOW).repository
    assert [(book.path, kept.has_tools(book)) for book in kept.runbooks] == [
        ("flows-runbook.md", False), ("docs/Runbook-shop.md", True),
    ]  # fmt: skip
    assert [text.path for text in kept.deployments] == ["Dockerfile"]
    assert [text.path for text in kept.pipelines] == [".github/workflows/ci.yml"]
    [page] = kept.pages
    assert page.place("EventSource") == "page.html:2"
    assert page.place("nothing") == "page.html"
