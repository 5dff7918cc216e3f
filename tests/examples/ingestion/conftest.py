"""Each test has an index of its own; and the model doesn't pause."""

from pathlib import Path

import pytest

from examples.ingestion import index, model


@pytest.fixture(autouse=True)
def index_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(index, "FILE", tmp_path / "index" / "documents.db")
    monkeypatch.setattr(model, "PAUSE_S", 0)
    return index.FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three documents: of apples, with two chunks; of boats; and of cats, in a folder of its own."""
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    apples = "# Apples\n\nAn apple a day keeps the doctor away.\n\n## Storing\n\nApples are kept in a cold cellar.\n"
    (folder / "apples.md").write_text(apples, encoding="utf-8")
    (folder / "boats.md").write_text("# Boats\n\nA boat is moored with two ropes.\n", encoding="utf-8")
    (folder / "deep" / "cats.md").write_text("# Cats\n\nA cat sleeps for most of the day.\n", encoding="utf-8")
    return folder
