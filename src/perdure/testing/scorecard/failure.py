"""Items about what goes wrong: for good, for a while, and half way."""

import ast
from itertools import pairwise

from perdure.replay.linter.decorator import is_ours
from perdure.replay.linter.spot import Spot
from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share
from perdure.testing.scorecard.code import Code, Routine, constant, is_none, keyword
from perdure.testing.scorecard.subject import Subject

_BROAD = {"Exception", "BaseException", "CancelledError"}
_PERMANENT = {
    "ValueError",
    "TypeError",
    "KeyError",
    "LookupError",
    "PermissionError",
    "AssertionError",
    "NotImplementedError",
}


def fails_for_good(subject: Subject) -> Found:
    code, places, retried = subject.code, list[Evidence](), list[Evidence]()
    for routine in _everything(subject):
        for spot in code.spots(routine):
            if isinstance(spot.node, ast.Raise) and spot.node.exc is not None:
                name = _raised(code, spot.node.exc, spot)
                if name == "FatalError":
                    places.append(Evidence(f"{routine.qualname} raises FatalError", routine.file.place(spot.node)))
                elif name in _PERMANENT:
                    retried.append(
                        Evidence(f"{routine.qualname} raises {name}, which is retried", routine.file.place(spot.node))
                    )
    places += [
        Evidence(f"{step.qualname} gives up on some errors", step.place)
        for step in code.steps
        if _retry(code, step, "give_up_on")
    ]
    if not code.steps:
        return nothing("there is no step")
    if not places:
        return found(
            0, *retried, Evidence("no step raises FatalError: what can't be mended is tried again all the same")
        )
    return found(1 if retried else 2, *retried, *places)


def backs_off(subject: Subject) -> Found:
    if not subject.outside:
        return nothing("no step was seen to reach outside")
    code, timed, bare = subject.code, list[Evidence](), list[Evidence]()
    for routine in _everything(subject):
        for call in code.ours(routine, "RetryableError"):
            after = not is_none(keyword(call.node, "retry_after"))
            told = f"{routine.qualname} raises RetryableError{'' if after else ' without retry_after'}"
            (timed if after else bare).append(Evidence(told, call.place))
    slow = [
        Evidence(f"{step.qualname} has a delay of its own", step.place)
        for step, _ in subject.outside
        if _retry(code, step, "delay")
    ]
    if timed:
        return found(2, *timed, *bare, *slow)
    if bare or slow:
        return found(1, *bare, *slow)
    return found(
        0,
        Evidence("no step says when to come back: each is retried after 1 s, 2 s, 4 s, whatever the provider asks for"),
    )


def mends(subject: Subject) -> Found:
    """Exceptions are retried unless somebody has taken care that they aren't."""
    if not subject.outside:
        return nothing("no step was seen to reach outside")
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for step, _ in subject.outside:
        why = _why_not_retried(subject.code, step)
        told = f"{step.qualname} {why}" if why else f"{step.qualname} is retried"
        (bad if why else good).append(Evidence(told, step.place))
    return share(good, bad)


def compensates(subject: Subject) -> Found:
    code = subject.code
    acting = {id(step.node) for step, _ in subject.unsafe}
    several: list[Routine] = []
    handled: list[tuple[Evidence, bool]] = []
    for workflow in code.workflows:
        bodies = code.reached([workflow])
        called = [
            (call, call.meaning)
            for body in bodies
            for call in code.calls(body)
            if isinstance(call.meaning, Routine) and id(call.meaning.node) in acting
        ]
        if len({id(step.node) for _, step in called}) > 1:
            several.append(workflow)
            for (_, spot, place, _), step in called:
                handler = next((each for each in reversed(spot.around) if isinstance(each, ast.ExceptHandler)), None)
                if handler is not None or _in_finally(spot):
                    told = Evidence(f"{step.qualname} runs where {workflow.qualname} fails", place)
                    handled.append((told, handler is None or _is_broad(handler)))
    if not several:
        return nothing("no workflow was seen to do two unsafe things: nothing is half done")
    if not handled:
        return found(
            0,
            *(Evidence(f"{each.qualname} does several unsafe things, and undoes none", each.place) for each in several),
        )
    return found(2 if any(broad for _, broad in handled) else 1, *(evidence for evidence, _ in handled))


def _everything(subject: Subject) -> list[Routine]:
    """The bodies and the steps, with whom they call."""
    return subject.code.reached([*subject.code.steps, *subject.code.workflows])


def _raised(code: Code, raised: ast.expr, spot: Spot) -> str:
    """Perdure's name for what is raised, or Python's; what is derived from FatalError here is one."""
    called = raised.func if isinstance(raised, ast.Call) else raised
    meaning = code.meaning(called, spot.scope)
    if isinstance(meaning, Routine) and isinstance(meaning.node, ast.ClassDef):
        bases = [code.meaning(base, meaning.defined.scope) for base in meaning.node.bases]
        return "FatalError" if any(is_ours(base, "FatalError") for base in bases) else ""
    return meaning.rpartition(".")[2] if isinstance(meaning, str) else ""


def _retry(code: Code, step: Routine, field: str) -> ast.expr | None:
    """What the step's `Retry` says of this, given at the step or by a module's name."""
    given = code.option(step, "step", "retry")
    if isinstance(given, ast.Name | ast.Attribute):
        meaning = code.meaning(given, step.defined.scope)
        given = getattr(meaning, "expression", None)
    return keyword(given, field) if isinstance(given, ast.Call) else None


def _why_not_retried(code: Code, step: Routine) -> str:
    retries = code.option(step, "step", "max_retries") or _retry(code, step, "max_retries")
    if constant(retries) == 0:
        return "has no retries"
    if constant(code.option(step, "step", "at_most_once")) is True:
        return "runs at most once: a crash in it is the workflow's to handle"
    for spot in code.spots(step):
        if isinstance(spot.node, ast.ExceptHandler) and _is_broad(spot.node) and not _raises(spot.node):
            return f"swallows every error (line {spot.node.lineno})"
    return ""


def _raises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(each, ast.Raise) for each in ast.walk(handler))


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(getattr(each, "attr", getattr(each, "id", "")) in _BROAD for each in ast.walk(handler.type))


def _in_finally(spot: Spot) -> bool:
    chain = (*spot.around, spot.node)
    return any(
        isinstance(outer, ast.Try) and any(inner is statement for statement in outer.finalbody)
        for outer, inner in pairwise(chain)
    )


SECTION = Section(
    "Failures",
    (
        Item(
            id="fatal",
            text="Invalid input/business failures throw `FatalError`.",
            check=fails_for_good,
            risk=2,
            fix="raise FatalError where another attempt can't help: a refusal, an input that is wrong",
        ),
        Item(
            id="retry-after",
            text="Rate limits use `RetryableError` with `retry_after` where useful.",
            check=backs_off,
            risk=3,
            fix="raise RetryableError(…, retry_after=…) for a 429 or 503, with the time that the provider names",
        ),
        Item(
            id="transient",
            text="Temporary network/provider failures retry.",
            check=mends,
            risk=2,
            fix="let the exception of a failed call leave the step, and leave it some retries",
        ),
        Item(
            id="compensation",
            text="Compensation steps exist for partial external success.",
            check=compensates,
            risk=1,
            fix="undo in `except (Exception, asyncio.CancelledError):` what was done, with steps, and raise again",
        ),
    ),
)
