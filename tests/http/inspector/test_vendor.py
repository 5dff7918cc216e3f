"""What others made is what they published: each file, its imports named as in its package, has the sum that VENDOR says."""

import re
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import perdure

VENDOR = Path(perdure.__file__).parent / "http/inspector/static/vendor"
NAMES = {
    "./preact.js": "preact",
    "./hooks.js": "preact/hooks",
    "./signals-core.js": "@preact/signals-core",
}
BYTES_MAX = 30_000


class Line(NamedTuple):
    file: str
    package: str
    version: str
    licence: str
    there: str
    sum: str


def lines() -> list[Line]:
    _, _, table = (VENDOR / "VENDOR").read_text(encoding="utf-8").partition("sha256\n")
    return [Line(*line.split()) for line in table.splitlines()]


def as_published(source: str) -> str:
    return re.sub(r'from"([^"]+)"', lambda found: f'from"{NAMES[found[1]]}"', source)


def sum_of(source: str) -> str:
    return sha256(as_published(source).encode()).hexdigest()


def test_every_file_is_the_published_one() -> None:
    assert {line.file: line.sum for line in lines()} == {
        path.name: sum_of(path.read_text(encoding="utf-8")) for path in VENDOR.glob("*.js")
    }


def test_a_changed_file_is_found() -> None:
    source = (VENDOR / "hooks.js").read_text(encoding="utf-8")
    assert sum_of(source) != sum_of(source.replace("options", "Options", 1))


def test_every_package_has_its_licence() -> None:
    licences = (VENDOR / "LICENSES").read_text(encoding="utf-8")
    for line in lines():
        assert line.licence in {"MIT", "Apache-2.0"}
        assert re.search(rf"^(.*, )?{re.escape(line.package)}(,.*)?$", licences, re.MULTILINE), line.package


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in VENDOR.glob("*.js")) < BYTES_MAX
