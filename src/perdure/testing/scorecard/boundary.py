"""Items about the border between workflows, which decide, and steps, which act."""

import ast

from perdure.replay.linter.bindings import Function
from perdure.testing.scorecard.card import Evidence, Found, Item, Section, found, nothing, share
from perdure.testing.scorecard.code import Routine
from perdure.testing.scorecard.effect import Effect
from perdure.testing.scorecard.subject import Subject

_ACTING = {"io", "blocking", "threads"}
_LINES_MAX = 40
_CALLS_MAX = 3


def orchestrates(subject: Subject) -> Found:
    """The linter's findings that aren't about acting: clocks, chance, order, state."""
    findings = [each for each in subject.findings if each.rule not in _ACTING]
    if findings:
        return found(
            0, *(Evidence(f"{each.message}; use {each.instead}", f"{each.file}:{each.line}") for each in findings)
        )
    return found(
        2,
        *(Evidence(f"`perdure check` finds nothing in {each.qualname}", each.place) for each in subject.code.workflows),
    )


def acts_in_steps(subject: Subject) -> Found:
    findings = [each for each in subject.findings if each.rule in _ACTING]
    steps = [Evidence(f"{step.qualname} does {_told(effects)}", step.place) for step, effects in subject.outside]
    if findings:
        bad = [Evidence(f"{each.message}; use {each.instead}", f"{each.file}:{each.line}") for each in findings]
        return found(1 if steps else 0, *bad, *steps)
    if not steps:
        return found(2, Evidence("no body acts, and no step was seen to"))
    return found(2, *steps)


def small_steps(subject: Subject) -> Found:
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for step, effects in subject.effects:
        lines, acting = _lines(step), [each for each in effects if each.kind != "read"]
        told = f"{step.qualname}: {lines} lines, effects: {len(acting)}"
        (bad if lines > _LINES_MAX or len(acting) > _CALLS_MAX else good).append(Evidence(told, step.place))
    return share(good, bad) if good or bad else nothing("there is no step")


def typed(subject: Subject) -> Found:
    """Annotations are what a workflow's input and output are documented by: they are checked, and shown."""
    good: list[Evidence] = []
    bad: list[Evidence] = []
    for workflow in subject.code.workflows:
        missing = _untyped(workflow)
        told = f"{workflow.qualname}: no type for {', '.join(missing)}" if missing else f"{workflow.qualname} is typed"
        (bad if missing else good).append(Evidence(told, workflow.place))
    return share(good, bad)


def _told(effects: list[Effect]) -> str:
    return ", ".join(dict.fromkeys(effect.what for effect in effects))


def _lines(step: Routine) -> int:
    return (step.node.end_lineno or step.node.lineno) - step.node.lineno + 1


def _untyped(workflow: Routine) -> list[str]:
    node = workflow.node
    assert isinstance(node, Function)
    listed = node.args
    given = [
        *listed.posonlyargs,
        *listed.args,
        *listed.kwonlyargs,
        *(each for each in (listed.vararg, listed.kwarg) if each),
    ]
    missing = [arg.arg for arg in given if arg.annotation is None or _is_any(arg.annotation)]
    return missing + ([] if node.returns is not None and not _is_any(node.returns) else ["the result"])


def _is_any(annotation: ast.expr) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id in {"Any", "object", "dict", "list"}


SECTION = Section(
    "Boundaries",
    (
        Item(
            id="orchestrate-only",
            text="Workflow functions only orchestrate.",
            check=orchestrates,
            risk=1,
            fix="take clocks, chance and a process's state out of the bodies: `perdure check` names each, and what to use",
        ),
        Item(
            id="acts-in-steps",
            text="DB/API/email/payment/file operations are in steps.",
            check=acts_in_steps,
            risk=1,
            fix="move what acts out of the bodies into steps",
        ),
        Item(
            id="small-steps",
            text="Step functions are small enough to inspect and retry.",
            check=small_steps,
            risk=3,
            fix="one effect a step: what fails is then retried alone",
        ),
        Item(
            id="typed",
            text="Workflow input and output types are documented.",
            check=typed,
            risk=3,
            fix="annotate each parameter and the result of each workflow: inputs are then checked at the start",
        ),
    ),
)
