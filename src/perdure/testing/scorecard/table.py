"""The whole table, in its order; the eight closing questions and the checklist, which are answered by items of it."""

from typing import NamedTuple

from perdure.testing.scorecard import access, agent, boundary, deploy, failure, idempotency, look, waiting
from perdure.testing.scorecard.card import Section

SECTIONS: tuple[Section, ...] = (
    boundary.SECTION,
    idempotency.SECTION,
    failure.SECTION,
    waiting.SECTION,
    access.SECTION,
    look.SECTION,
    deploy.SECTION,
    agent.SECTION,
)
ITEMS = {item.id: item for section in SECTIONS for item in section.items}


class Question(NamedTuple):
    """Answered by the weakest of its items that apply (`either`: the best), unless a person answers it."""

    id: str
    text: str
    items: tuple[str, ...]
    either: bool = False


QUESTIONS = (
    Question("replays", "Can this workflow replay without redoing unsafe work?", ("orchestrate-only", "acts-in-steps")),
    Question(
        "runs-twice",
        "Can every side-effecting step run twice without damage?",
        ("idempotency-key", "upsert", "conflict-is-success"),
    ),
    Question(
        "survives-refresh",
        "Can a user refresh and still find their run?",
        ("start-202", "status", "reconnect", "refresh"),
    ),
    Question(
        "inspectable", "Can an operator inspect exactly where it failed?", ("small-steps", "seen-failure", "runbook")
    ),
    Question("fails-fast", "Can a permanent failure fail fast?", ("fatal",)),
    Question("recovers", "Can a transient failure recover?", ("transient", "retry-after")),
    Question(
        "resumed-securely",
        "Can a human or vendor resume the correct run securely?",
        ("callbacks", "tokens", "resume-authorized"),
    ),
    Question(
        "deployable",
        "Can a deployment happen without breaking callers or in-flight assumptions?",
        ("stable-names", "schemas"),
    ),
)
CHECKLIST = (
    Question("list-steps", "Every external side effect is in a step.", ("acts-in-steps",)),
    Question("list-keys", "Every unsafe step has an idempotency key.", ("idempotency-key",)),
    Question("list-fatal", "Permanent failures use FatalError.", ("fatal",)),
    Question("list-transient", "Transient failures retry.", ("transient",)),
    Question("list-waits", "Long waits use sleep, hooks, or webhooks.", ("sleep", "approval-hooks", "callbacks")),
    Question("list-routes", "Long-running routes return runId.", ("start-202",)),
    Question("list-status", "Users can check status or reconnect to streams.", ("status", "reconnect"), either=True),
    Question("list-tokens", "Hook tokens are deterministic and namespaced.", ("tokens",)),
    Question(
        "list-streams", "Streams release writer locks.", ()
    ),  # nothing holds one: perdure's streams end with their run
    Question(
        "list-identity",
        "Workflow identity and input/output shapes are versioned carefully.",
        ("stable-names", "schemas"),
    ),
    Question("list-tests", "Tests cover runtime behavior, not just pure functions.", ()),
)
NAMES = frozenset([*ITEMS, *(question.id for question in (*QUESTIONS, *CHECKLIST))])
"""What answers may name."""
