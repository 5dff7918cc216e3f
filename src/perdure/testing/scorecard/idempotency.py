"""Items about steps that run twice."""

import ast

from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share, unseen
from perdure.testing.scorecard.code import constant, is_none
from perdure.testing.scorecard.subject import Subject

_CONFLICTS = (
    "Conflict",
    "AlreadyExists",
    "AlreadyProcessed",
    "AlreadyDone",
    "Duplicate",
    "IntegrityError",
    "UniqueViolation",
)


def has_key(subject: Subject) -> Found:
    if not subject.unsafe:
        return nothing("no step was seen to do what would be worse twice")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for step, effect in subject.unsafe:
        text = f"{effect.what} in {step.qualname} "
        if effect.key:
            good.append(
                Evidence(
                    text + ("is in the step's transaction" if effect.key == "transaction" else f"has a {effect.key}"),
                    effect.place,
                )
            )
        else:
            bad.append(Evidence(text + "has no key: twice is twice", effect.place))
    return share(good, bad)


def uses_step_id(subject: Subject) -> Found:
    keyed = [(step, effect) for step, effect in subject.unsafe if effect.key != "transaction"]
    if not keyed:
        return nothing("no step was seen to need a key")
    good = [
        Evidence(f"{effect.what} in {step.qualname}", effect.place) for step, effect in keyed if effect.key == "step id"
    ]
    other = [
        Evidence(f"{effect.what} in {step.qualname} has a key of its own", effect.place)
        for step, effect in keyed
        if effect.key == "key"
    ]
    if not (good or other):
        return found(0, Evidence("get_step_metadata().step_id is used nowhere for what is unsafe"))
    bare = [
        Evidence(f"{effect.what} in {step.qualname} has none", effect.place) for step, effect in keyed if not effect.key
    ]
    return share(good + other, bare)


def upserts(subject: Subject) -> Found:
    writes = [
        (step, effect)
        for step, effects in subject.effects
        for effect in effects
        if effect.sql and effect.kind != "read"
    ]
    if not writes:
        return nothing("no step was seen to write to a database")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for step, effect in writes:
        text = f"{step.qualname}: {' '.join(effect.sql.split())[:60]}"
        (good if effect.kind == "safe" or effect.key else bad).append(Evidence(text, effect.place))
    return share(good, bad)


def takes_conflicts(subject: Subject) -> Found:
    """A 409, an exception that says so, or a store that keeps the first of a key."""
    if not subject.unsafe:
        return nothing("no provider was seen that could say that it is done already")
    steps = list({id(step.node): step for step, _ in subject.unsafe}.values())
    places = [
        Evidence(f"{each.qualname} handles what was done already", each.file.place(spot.node))
        for each in subject.code.reached(steps)
        for spot in subject.code.spots(each)
        if _is_conflict(spot)
    ]
    kept = [
        Evidence(f"{effect.what} in {step.qualname} keeps the first of a key", effect.place)
        for step, effect in subject.unsafe
        if effect.key and effect.what.endswith("setdefault()")
    ]
    if places or kept:
        return found(2, *places, *kept)
    if all(effect.key == "transaction" for _, effect in subject.unsafe):
        return nothing("all that is unsafe is in the steps' own transactions")
    return unseen(
        "no step looks at a conflict, which is right where the provider answers a known key as it did at first"
    )


def counts_retries(subject: Subject) -> Found:
    if not subject.outside:
        return nothing("no step was seen to reach outside")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for step, _ in subject.outside:
        options = {name: subject.code.option(step, "step", name) for name in ("max_retries", "retry", "at_most_once")}
        given = [name for name, value in options.items() if not is_none(value)]
        told = (
            f"{step.qualname} has {', '.join(given)}"
            if given
            else f"{step.qualname} has the 3 retries that every step has"
        )
        (good if given else bad).append(Evidence(told, step.place))
    return share(good, bad)


def _is_conflict(spot: Spot) -> bool:
    match spot.node:
        case ast.Compare(left, _, comparators):
            values = [inner for each in (left, *comparators) for inner in ast.walk(each)]
            return any(
                constant(each) == 409 or getattr(each, "attr", "") == "CONFLICT"
                for each in values
                if isinstance(each, ast.expr)
            )
        case ast.ExceptHandler(type) if type is not None:
            names = [getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(type)]
            return any(word in name for name in names for word in _CONFLICTS)
        case _:
            return False


SECTION = Section(
    "Idempotency",
    (
        Item(
            id="idempotency-key",
            text="Every unsafe side-effecting step has an idempotency key.",
            check=has_key,
            risk=1,
            fix="give the provider get_step_metadata().step_id as its idempotency key, or write in @step(transaction=True)",
        ),
        Item(
            id="step-id",
            text="`get_step_metadata().step_id` is used where appropriate.",
            check=uses_step_id,
            risk=1,
            fix="use the step's id: it is the same in each attempt, and another in each call",
        ),
        Item(
            id="upsert",
            text="DB writes use upsert or unique workflow-step records where needed.",
            check=upserts,
            risk=1,
            fix="INSERT … ON CONFLICT, a unique column with the step's id, or @step(transaction=True)",
        ),
        Item(
            id="conflict-is-success",
            check=takes_conflicts,
            risk=2,
            text="Provider conflict/already-processed responses are handled as success where appropriate.",
            fix="take a 409 for a key of one's own as the answer: an earlier attempt has done it",
        ),
        Item(
            id="retry-counts",
            text="Retry counts are intentionally set for flaky providers.",
            check=counts_retries,
            risk=3,
            fix="say how long a provider may be away: @step(max_retries=…) or retry=Retry(…)",
        ),
    ),
)
