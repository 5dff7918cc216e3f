"""Items about looking: that somebody has seen each kind of run, and knows what to do."""

from collections.abc import Callable

from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, unseen
from perdure.testing.scorecard.store import RUNS_MAX, Store
from perdure.testing.scorecard.subject import Subject

_NO_WORLD = "no world was named (--world URL)"


def _seen(kind: str, what: str, applies: Callable[[Subject], str] = lambda subject: "") -> Callable[[Subject], Found]:
    """A run of this kind, which the inspector reads here: half of it. Whether a person has looked, a person answers."""

    def check(subject: Subject) -> Found:
        why = applies(subject)
        if why:
            return nothing(why)
        if subject.store is None:
            return unseen(_NO_WORLD)
        seen = getattr(subject.store, kind)
        if seen is None:
            return found(0, Evidence(f"no {what} among {_counted(subject.store)}"))
        return found(
            1,
            Evidence(
                f"{seen.text}; the inspector reads it, and whether you have looked is for you to answer", seen.run_id
            ),
        )

    return check


def has_runbook(subject: Subject) -> Found:
    books = subject.repository.runbooks
    if not books:
        return found(0, Evidence("no document of the project is named a runbook"))
    good = [book for book in books if subject.repository.has_tools(book)]
    if good:
        return found(2, *(Evidence("it names the commands", book.path) for book in good[:1]))
    return found(1, Evidence("it names no command of perdure's: inspect, retry, cancel", books[0].path))


def _counted(store: Store) -> str:
    return (
        f"the newest {RUNS_MAX} runs of each workflow"
        if store.runs >= RUNS_MAX
        else f"{store.runs} runs of these workflows"
    )


def _no_hooks(subject: Subject) -> str:
    return "" if subject.hooks else "there is no hook"


def has_streams(subject: Subject) -> bool:
    """Whether a body or a step writes to a stream."""
    code = subject.code
    spots = [spot for each in code.reached([*code.workflows, *code.steps]) for spot in code.spots(each)]
    return any("get_writable" in (getattr(spot.node, "id", ""), getattr(spot.node, "attr", "")) for spot in spots)


def _no_streams(subject: Subject) -> str:
    return "" if has_streams(subject) else "nothing is streamed"


_LOOK = "have such a run on a world, look at it with `perdure inspect run` or `perdure web`, and answer with its id"
SECTION = Section(
    "Looking",
    (
        Item(
            id="seen-success",
            text="Successful run inspected in CLI/UI.",
            check=_seen("completed", "completed run"),
            risk=3,
            fix=_LOOK,
        ),
        Item(
            id="seen-failure",
            text="Failed run inspected in CLI/UI.",
            check=_seen("failed", "failed run"),
            risk=2,
            fix=_LOOK,
        ),
        Item(
            id="seen-retry",
            text="Retried step inspected.",
            check=_seen("retried", "run with a retried step"),
            risk=3,
            fix=_LOOK,
        ),
        Item(
            id="seen-waiting",
            text="Waiting hook/webhook inspected.",
            risk=3,
            fix=_LOOK,
            check=_seen("waiting", "run that waits for a hook", _no_hooks),
        ),
        Item(
            id="seen-stream",
            text="Stream output inspected.",
            risk=3,
            fix=_LOOK,
            check=_seen("streaming", "run with a stream", _no_streams),
        ),
        Item(
            id="runbook",
            text="Operational runbook exists for stuck/failed runs.",
            check=has_runbook,
            risk=2,
            fix="a RUNBOOK.md: how a stuck run is found (`perdure inspect`), and when to retry, cancel or repin it",
        ),
    ),
)
