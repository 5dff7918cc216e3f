"""Where it runs, and how it changes."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.deploy import (
    has_production_world,
    has_workers,
    keeps_local_local,
    keeps_names,
    keeps_schemas,
)
from perdure.testing.scorecard.store import Seen, Store
from tests.testing.scorecard.written import FLOW, STEP, scored, subject, told, write

FLOWS = STEP + "    ...\n" + FLOW
CONFIGURE = "import flows\nfrom perdure import configure\n"
LOCAL = "configure(world='sqlite:///x.db')\n"


@pytest.mark.parametrize(
    ("files", "score"),
    [
        ({}, 2),
        ({"__main__.py": CONFIGURE + LOCAL}, 2),
        ({"app.py": CONFIGURE + "if __name__ == '__main__':\n    " + LOCAL}, 2),
        ({"app.py": CONFIGURE + LOCAL}, 0),
        ({"app.py": CONFIGURE + "configure('memory://')\n"}, 0),
        ({"app.py": CONFIGURE + "configure(world=url)\n"}, 2),
    ],
)
def test_local_worlds(folder: Path, files: dict[str, str], score: int) -> None:
    write(folder, files)
    assert scored(keeps_local_local, subject(folder, FLOWS)) == score


@pytest.mark.parametrize(
    ("files", "store", "score"),
    [
        ({}, None, "open"),
        ({}, Store("sqlite://", 0), "open"),
        ({}, Store("postgresql://", 0), 2),
        ({"compose.yaml": "PERDURE_WORLD: x\n"}, None, 2),
        ({"app.py": CONFIGURE + "configure(world='postgresql://db/x')\n"}, None, 2),
    ],
)
def test_production_worlds(folder: Path, files: dict[str, str], store: Store | None, score: int | str) -> None:
    write(folder, files)
    assert scored(has_production_world, subject(folder, FLOWS, store)) == score


@pytest.mark.parametrize(
    ("files", "score"),
    [
        ({}, "open"),
        ({"Procfile": "worker: perdure worker flows\n"}, 2),
        ({"app.py": "import flows\nfrom perdure.http import wrap\napp = wrap(None)\n"}, 2),
        ({"vercel.json": '{"fluid": true}'}, 2),
        ({"vercel.json": "{}", "Procfile": "worker: perdure worker flows\n"}, 0),
    ],
)
def test_what_runs_the_workers(folder: Path, files: dict[str, str], score: int | str) -> None:
    write(folder, files)
    assert scored(has_workers, subject(folder, FLOWS)) == score


NAMED = FLOWS.replace("@workflow", "@workflow(name='flow-1', version='2')")
PATCHED = FLOWS.replace("    return", "    if patched('new'):\n        pass\n    return")


@pytest.mark.parametrize(
    ("flows", "files", "names", "schemas"),
    [
        (FLOWS, {}, 1, 1),
        (NAMED, {}, 2, 1),
        (PATCHED, {}, 1, 2),
        (FLOWS, {"Makefile": "gate:\n\tperdure check flows --against histories/\n"}, 2, 2),
        (FLOWS.replace("flow(order: str)", "flow(order)"), {}, 1, 0),
    ],
)
def test_changes(folder: Path, flows: str, files: dict[str, str], names: int, schemas: int) -> None:
    write(folder, files)
    about = subject(folder, flows)
    assert (scored(keeps_names, about), scored(keeps_schemas, about)) == (names, schemas)


def test_a_history_that_is_only_kept(folder: Path) -> None:
    title = '{"perdureHistory":1,"runId":"wrun_1","workflow":"flows:flow","status":"completed","events":0}\n'
    write(folder, {"histories/a.jsonl": title, "histories/b.jsonl": "{}\n", "rows.jsonl": "\ufffd"})
    about = subject(folder, FLOWS)
    assert scored(keeps_names, about) == scored(keeps_schemas, about) == 1
    assert (
        told(keeps_names, about)[0]
        == told(keeps_schemas, about)[0]
        == "histories/a.jsonl: a history of flows:flow is kept"
    )


def test_what_the_recorded_runs_say(folder: Path) -> None:
    store = Store("sqlite://", 3, read=3, deployments=frozenset({"a", "b"}))
    about = subject(folder, FLOWS, store)
    assert (scored(keeps_names, about), scored(keeps_schemas, about)) == (1, 1)
    assert "today's parameters fit what 3 recorded runs of 2 deployments were started with" in told(
        keeps_schemas, about
    )
    off = store._replace(
        misfits=(Seen("wrun_1", "it was started with x"),), gone=(Seen("wrun_2", "it has called flows:a"),)
    )
    about = subject(folder, FLOWS, off)
    assert (scored(keeps_names, about), scored(keeps_schemas, about)) == (0, 0)
    assert told(keeps_names, about) == [
        "wrun_2: it has called flows:a, and today's code has none of that name: it will be parked"
    ]
    assert told(keeps_schemas, about) == ["wrun_1: it was started with x, which today's parameters don't fit"]
    write(folder, {"Makefile": "gate:\n\tperdure check flows --against histories/\n"})
    assert scored(keeps_schemas, subject(folder, FLOWS, off)) == 1
    assert "fit what" not in "".join(told(keeps_schemas, subject(folder, FLOWS, Store("sqlite://", 3))))
