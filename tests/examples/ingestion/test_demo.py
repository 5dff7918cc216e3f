"""The example as a stranger runs it: the project's own documents are read, and asked; a death in the middle costs nothing."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from examples.ingestion import index
from tests.examples.ingestion.contents import contents

ROOT = Path(__file__).parents[3]


def start_example(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("PERDURE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "examples.ingestion", *arguments],
        cwd=folder,
        env={**known, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def output(example: subprocess.Popen[str], told: str = "") -> str:
    try:
        stdout, stderr = example.communicate(timeout=120)
    finally:
        example.kill()
    assert example.returncode == 0 and re.fullmatch(told, stderr), stderr
    return stdout


def test_the_projects_documents_are_asked_though_the_first_process_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "FILE", tmp_path / ".perdure" / "documents.db")
    killed = start_example(tmp_path)
    assert killed.stdout is not None
    for line in killed.stdout:
        if re.match(" *9 of ", line):
            break
    killed.kill()
    killed.communicate()
    stdout = output(start_example(tmp_path), told=r"(worker \S+ is gone, what it owned \(1\) is taken over\n)?")
    documents = len(list((ROOT / "docs").rglob("*.md")))
    assert re.search(rf"{documents} of {documents}  done: \d+ chunks of {documents} documents; failed: 0", stdout)
    places = {f"{document} › {heading}" for document, heading, _ in contents()}
    for question, document in (("when I change the code?", "change-code.md"), ("while the agent works?", "chat.md")):
        asked = re.search(rf"{re.escape(question)}\n\n(.+?)\n\nSources:\n((?:  [^\n]+\n)+)", stdout, re.DOTALL)
        assert asked is not None, stdout
        sources = [line.strip() for line in asked[2].splitlines()]
        assert sources[0].startswith(f"how-to/{document} › ") and places.issuperset(sources)
        assert all(f"[{source}]" in asked[1] for source in sources)
    assert {document for document, _, _ in contents()} == {
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert Counter(contents()).most_common(1)[0][1] == 1, "no chunk is there twice"


def test_other_documents_and_other_questions(tmp_path: Path, folder: Path) -> None:
    stdout = output(start_example(tmp_path, "--folder", str(folder), "Where are apples kept?", "Who was Ada?"))
    assert "3 of 3  done: 4 chunks of 3 documents; failed: 0, gone: 0" in stdout
    assert "Apples are kept in a cold cellar. [apples.md › Apples › Storing]\n\nSources:\n  apples.md ›" in stdout
    assert stdout.endswith("Who was Ada?\n\nThe documents don't say.\n\nSources:\n  none\n")
