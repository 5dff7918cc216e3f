"""Looking."""

from pathlib import Path

from perdure.testing.scorecard.look import SECTION, has_runbook, has_streams
from perdure.testing.scorecard.store import Seen, Store
from tests.testing.scorecard.written import FLOW, STEP, scored, subject, told

HOOKED = (
    "@workflow\nasync def flow(order: str) -> None:\n    await get_writable(str).write('x')\n    await create_hook()\n"
)
LOOKS = {item.id: item.check for item in SECTION.items if item.id.startswith("seen-")}


def test_without_a_world_nothing_is_seen(folder: Path) -> None:
    about = subject(folder, HOOKED)
    assert {id: scored(check, about) for id, check in LOOKS.items()} == dict.fromkeys(LOOKS, "open")
    assert told(LOOKS["seen-failure"], about) == ["not checkable: no world was named (--world URL); answer it yourself"]


def test_runs_of_a_world_are_half_of_it(folder: Path) -> None:
    store = Store("sqlite://", 7, completed=Seen("wrun_1", "completed"), waiting=Seen("wrun_2", "waits for a hook"))
    about = subject(folder, HOOKED, store)
    found = {id: scored(check, about) for id, check in LOOKS.items()}
    assert found == {"seen-success": 1, "seen-failure": 0, "seen-retry": 0, "seen-waiting": 1, "seen-stream": 0}
    assert told(LOOKS["seen-success"], about)[0].startswith("wrun_1: completed; the inspector reads it")
    assert told(LOOKS["seen-failure"], about) == ["no failed run among 7 runs of these workflows"]


def test_what_a_workflow_never_does(folder: Path) -> None:
    about = subject(folder, STEP + "    ...\n" + FLOW)
    assert not has_streams(about)
    assert scored(LOOKS["seen-waiting"], about) == scored(LOOKS["seen-stream"], about) == "n/a"


def test_runbooks(folder: Path) -> None:
    assert scored(has_runbook, subject(folder, HOOKED)) == 0
    assert scored(has_runbook, subject(folder, HOOKED, RUNBOOK_DOT_md="Call Ann.\n")) == 1
    assert scored(has_runbook, subject(folder, HOOKED, RUNBOOK_DOT_md="Give `perdure inspect run ID`.\n")) == 2
