"""A new store for a test, of each kind; PostgreSQL's are databases of a server as a benchmark run has it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.place import create, drop_all, sibling
from benchmarks.server import running
from benchmarks.workload import STORES


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder, running(Path(folder)) as uri:
        yield uri


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def postgres(server: str) -> Iterator[str]:
    place = sibling(server, "store")
    create(place)
    yield place
    drop_all(place)


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)
