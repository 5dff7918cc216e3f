"""An operator who knows nothing but the command line finds the cause of each incident: in the words of the runbook."""

import re
from pathlib import Path

from tests.incidents.incident import incidents

CAUSES = {
    "deadly": ("blocked", "died 3 times", "the last step that was begun is orders:resize", "retry the run"),
    "renamed": (
        "blocked",
        'recorded is step orders:pack({"order":"o-renamed"})',
        'orders.py:N is step orders:wrap_up({"order":"o-renamed"})',
        "patched()",
    ),
    "declined": ("failed", "FatalError: card declined: insufficient funds", "in buy"),
    "mail down": ("failed", "ConnectionError: mail.internal:25 refused the connection"),
    "ledger down": ("running", "the next attempt of orders:post_ledger", "ledger.internal answered 503", "until"),
    "misspelt": ("pending", "a worker that serves orders:confrim"),
    "rejected": ("running", "approval:o-rejected", "the last one was refused", "it has no field 'approved'"),
    "no gpu": ("running", "a worker that runs orders:render in queue gpu"),
    "hangs": ("running", "orders:call_carrier, attempt 1"),
    "sealed": ("pending", "sealed with the key '2026-02', which this process doesn't have", "PERDURE_KEYS"),
    "pinned": ("pending", "a worker of deployment 2026-01-30.7", "perdure repin"),
    "thirty days": ("running", "a sleep", "until"),
    "waits for ann": ("running", "orders:approve wrun_"),
    "cancelled": ("cancelled", "ordered twice"),
}


def test_the_cause_is_in_what_a_run_shows(tmp_path: Path) -> None:
    """One test, for the scene takes some seconds to go wrong."""
    with incidents(tmp_path) as scene:
        shown = {run: scene.say("inspect", "run", run_id) for run, run_id in scene.runs.items()}
        listed = scene.say("inspect", "runs", "--limit", "50")
    assert shown.keys() == CAUSES.keys()
    for run, causes in CAUSES.items():
        missing = [words for words in causes if not re.search(pattern(words), shown[run])]
        assert not missing, f"{run}: {missing} not in\n{shown[run]}"
        [line] = [line for line in listed.splitlines() if line.startswith(scene.runs[run])]
        assert causes[0] in line, "a list has the status too"
        assert any(re.search(pattern(words), line) for words in causes[1:]), f"a list hints at the cause: {line}"


def pattern(words: str) -> str:
    """`N` stands for a number."""
    return re.escape(words).replace("N", r"\d+")
