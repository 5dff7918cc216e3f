"""The index: what is said again takes the place of what was said, whole or not at all; what is gone; what is found."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from examples.ingestion import index
from examples.ingestion.index import Passage, drop_missing, search, take
from tests.examples.ingestion.contents import WHOLE, contents

ROOT = Path(__file__).parents[3]


def fill(folder: Path) -> None:
    for document in ("apples.md", "boats.md", "deep/cats.md"):
        take(folder, document)


def test_a_document_takes_its_own_place(folder: Path) -> None:
    fill(folder)
    fill(folder)
    assert contents() == WHOLE
    (folder / "apples.md").write_text("# Pears\n\nA pear.\n", encoding="utf-8")
    assert take(folder, "apples.md") == 1
    assert contents() == [("apples.md", "Pears", "A pear."), *WHOLE[2:]]


def test_what_is_gone_is_forgotten(folder: Path) -> None:
    fill(folder)
    (folder / "boats.md").unlink()
    assert drop_missing(folder) == ["boats.md"]
    assert drop_missing(folder) == []
    assert contents() == [*WHOLE[:2], WHOLE[3]]


def test_a_document_that_cannot_be_read_stays_as_it_was(folder: Path) -> None:
    fill(folder)
    (folder / "boats.md").write_bytes(b"# Boats\n\xff")
    with pytest.raises(UnicodeDecodeError):
        take(folder, "boats.md")
    (folder / "deep" / "cats.md").unlink()
    with pytest.raises(FileNotFoundError):
        take(folder, "deep/cats.md")
    assert contents() == WHOLE


KILLED = """
import os, signal, sys
from pathlib import Path
from examples.ingestion import index
from examples.ingestion.chunk import Chunk

class Deadly(list):
    def __iter__(self):
        yield from [Chunk("half", "a word that is half written")]
        os.kill(os.getpid(), signal.SIGKILL)

index.FILE, index.split = Path(sys.argv[1]), lambda text: Deadly()
index.take(Path(sys.argv[2]), "apples.md")
"""


def test_a_process_that_is_killed_has_written_nothing(folder: Path) -> None:
    fill(folder)
    command = [sys.executable, "-c", KILLED, str(index.FILE), str(folder)]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == -9
    assert contents() == WHOLE
    take(folder, "apples.md")
    assert contents() == WHOLE


def test_many_at_once(folder: Path) -> None:
    threads = [threading.Thread(target=fill, args=(folder,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents() == WHOLE


def test_what_is_found(folder: Path) -> None:
    assert search("apples") == [], "there is no index yet"
    fill(folder)
    assert search("Where are apples stored?")[0] == Passage(*WHOLE[1])
    assert [found.source for found in search("cat SLEEPING")] == ["deep/cats.md › Cats"]
    assert {found.document for found in search("day")} == {"apples.md", "deep/cats.md"}
    assert search("zebra") == search("what is it?") == search("") == []


@pytest.mark.parametrize("query", ['"', "boat* NOT", "heading:boat OR (", "NEAR(boat", "'; DROP TABLE chunks; --"])
def test_no_query_is_a_language(folder: Path, query: str) -> None:
    fill(folder)
    search(query)
    assert contents() == WHOLE


def test_many_are_found_and_the_best_are_given(folder: Path) -> None:
    for number in range(9):
        (folder / f"{number}.md").write_text(f"# Rope {number}\n\nA rope.\n", encoding="utf-8")
        take(folder, f"{number}.md")
    assert [found.document for found in search("rope")] == [f"{number}.md" for number in range(index.FOUND_MAX)]
