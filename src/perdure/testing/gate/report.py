"""Verdicts by group, with what can be done for each: as text, JSON and Markdown."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from perdure.testing.gate.verdict import Kind, Verdict, what

SHOWN = 5
ORDER: tuple[Kind, ...] = ("diverges", "unknown", "fits")
LOOKS_LIKE = {
    "parameters": "the workflow's parameters don't fit what it was started with",
    "limit": "the workflow has a timeout that it hadn't, or another one",
    "fails": "today's code fails before it comes there",
    "place": "a call has moved to another branch of a gather, or another task",
    "arguments": "a call has other arguments",
    "renamed": "a step was renamed, or replaced by another",
    "added": "a call is new, or another branch is taken",
    "removed": "a call is gone, or comes later",
}

_INSTEAD_OF_PATCHED = {
    "parameters": "keep the parameters that they were started with: new ones get a default, old ones stay",
    "limit": "give the new workflow another name, and keep the old one for them: no patched() can guard a timeout",
}


class Group(Struct, frozen=True, kw_only=True):
    """Verdicts that are alike; there is at least one."""

    verdicts: tuple[Verdict, ...]

    @property
    def first(self) -> Verdict:
        return self.verdicts[0]

    def sentence(self) -> str:
        """What holds for them; values are those of the first."""
        first, found = self.first, self.first.divergence
        if found is None:
            return f"{first.workflow}{': ' if first.reason else ''}{first.reason}"
        where = f" at {found.line}" if found.line else ""
        return f"{first.workflow} at event {first.event}: recorded is {found.recorded}, attempted{where} is {found.attempted}"

    def looks_like(self) -> str:
        return LOOKS_LIKE.get(self.first.change, "")

    def proposals(self) -> list[str]:
        """What can be done, the least work for those in flight first."""
        first = self.first
        if first.kind == "unknown":
            return _for_the_unknown(first)
        if first.divergence is None:
            return []
        proposals: list[str] = []
        if first.change == "renamed":
            old = what(first.divergence.recorded).removeprefix("step ")
            proposals.append(f'if it is the same step, keep its name: @step(name="{old}")')
        place = f" at {first.divergence.line}" if first.divergence.line else ""
        proposals.append(
            _INSTEAD_OF_PATCHED.get(first.change)
            or f'patched(): `if patched("…"): the new path, else: the old one`{place}'
        )
        proposals.append(self._pin())
        proposals.append(self._drain())
        return proposals

    def _pin(self) -> str:
        names = sorted({verdict.deployment for verdict in self.verdicts if not verdict.deployment.startswith("code:")})
        name = names[0] if len(names) == 1 and names[0] else "NAME"
        return (
            f"pin: keep workers of the old code, with --deployment {name}, and "
            f"`perdure repin RUN --deployment {name}` for each"
        )

    def _drain(self) -> str:
        dues = [verdict.drained_ms for verdict in self.verdicts]
        ends = [due_ms for due_ms in dues if due_ms is not None]
        if len(ends) < len(dues):
            return f"drain: no clock ends {len(dues) - len(ends)} of {len(dues)}, which wait for people or other runs"
        until = datetime.fromtimestamp(max(ends) / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"drain: deploy after {until}, when the last sleep of theirs that is known is due"

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.first.kind,
            "workflow": self.first.workflow,
            "count": len(self.verdicts),
            "looksLike": self.looks_like() or None,
            "proposals": self.proposals(),
            "runs": [verdict.as_json() for verdict in self.verdicts],
        }


class Report(Struct, frozen=True, kw_only=True):
    """`left_out`: runs that nobody looked at."""

    groups: tuple[Group, ...]
    left_out: int = 0

    def count(self, kind: Kind) -> int:
        return sum(len(group.verdicts) for group in self.groups if group.first.kind == kind)

    @property
    def passes(self) -> bool:
        """Whether everything fits, and everything was looked at."""
        return not (self.count("diverges") or self.count("unknown") or self.left_out)

    def summary(self) -> str:
        told = ", ".join(f"{self.count(kind)} {kind}" for kind in ("fits", "diverges", "unknown"))
        return told + (f"; {self.left_out} more were not looked at" if self.left_out else "")

    def as_json(self) -> dict[str, Any]:
        counts: dict[str, Any] = {kind: self.count(kind) for kind in ORDER}
        return {"items": [group.as_json() for group in self.groups], **counts, "leftOut": self.left_out}

    def lines(self) -> Iterator[str]:
        for group in self.groups:
            yield f"{group.first.kind:<9} {len(group.verdicts):>5}  {group.sentence()}"
            if group.first.kind != "fits":
                yield f"{'':<16} {_subjects(group)}"
            if group.looks_like():
                yield f"{'':<16} it looks as if {group.looks_like()}"
            for proposal in group.proposals():
                yield f"{'':<16} - {proposal}"

    def markdown(self) -> Iterator[str]:
        yield f"# Deploy gate: {'passed' if self.passes else 'failed'}"
        yield ""
        yield f"{self.summary()}."
        for group in self.groups:
            yield ""
            yield f"## {group.first.kind}: {group.first.workflow} ({len(group.verdicts)})"
            yield ""
            yield from _markdown_of(group)


def report_of(verdicts: Iterable[Verdict], left_out: int = 0) -> Report:
    groups: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(_alike(verdict), []).append(verdict)
    made = [Group(verdicts=tuple(group)) for group in groups.values()]
    made.sort(key=lambda group: (ORDER.index(group.first.kind), group.first.workflow, -len(group.verdicts)))
    return Report(groups=tuple(made), left_out=left_out)


def _alike(verdict: Verdict) -> tuple[object, ...]:
    found = verdict.divergence
    if found is None:
        return verdict.kind, verdict.workflow, verdict.reason
    attempted = "" if verdict.change == "parameters" else what(found.attempted)  # why they don't fit may show a value
    return verdict.kind, verdict.workflow, what(found.recorded), attempted, found.line


def _for_the_unknown(first: Verdict) -> list[str]:
    if "no such workflow" in first.reason:
        return [
            f'keep its code, or its name (@workflow(name="{first.workflow}")): its runs wait for a worker that has it',
            "name the module that defines it, if this command wasn't told of all",
        ]
    return ["look at it with a perdure, and keys, that can read it"]


def _subjects(group: Group) -> str:
    shown = [verdict.subject for verdict in group.verdicts[:SHOWN]]
    more = len(group.verdicts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _markdown_of(group: Group) -> Iterator[str]:
    found = group.first.divergence
    if found is not None:
        yield f"| | event {group.first.event}, turn {found.turn} |"
        yield "| --- | --- |"
        yield f"| recorded | {_code(found.recorded)} |"
        yield f"| attempted | {_code(found.attempted)} |"
        if found.line:
            yield f"| line | {_code(found.line)} |"
        yield ""
    elif group.first.reason:
        yield f"{_code(group.first.reason)}"
        yield ""
    if group.looks_like():
        yield f"It looks as if {group.looks_like()}."
        yield ""
    if group.first.kind != "fits":
        yield f"Runs: {', '.join(_code(verdict.subject) for verdict in group.verdicts[:SHOWN])}" + (
            f" and {len(group.verdicts) - SHOWN} more" if len(group.verdicts) > SHOWN else ""
        )
    for proposal in group.proposals():
        yield f"* {proposal}"


def _code(text: str) -> str:
    """As code in a table's cell: nothing in it is markup."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    plain = " ".join(text.split()).replace("|", "\\|")
    return f"{fence}{pad}{plain}{pad}{fence}"
