"""A log as the checker reads it: rows with their payloads as plain JSON. It shares no reader with the engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from perdure.codec.compression import decompressed
from perdure.model.ids import RunId
from perdure.world import Log, RunRecord
from perdure.world import Row as Kept

REQUESTS = (
    "step_created", "wait_created", "child_created", "attr_set", "hook_created", "hook_conflict", "stream_written",
    "stream_closed", "stream_epilogue",
)  # fmt: skip
OUTCOMES = ("step_completed", "step_failed", "wait_completed", "child_completed", "child_failed", "child_cancelled")
DELIVERIES = (*OUTCOMES, "cancel_requested", "hook_received", "hook_expired")
DECIDED = ("hook_created", "hook_conflict")
"""A hook that was asked for, and what the World made of it."""
TAKEOVER = 1
"""The epoch of what a fork takes over: whoever has it first writes in the next."""
ENDS = ("run_completed", "run_failed", "run_cancelled")


@dataclass(frozen=True)
class Row:
    """An event. `fact` is its payload."""

    kept: Kept
    fact: dict[str, Any]

    @property
    def seq(self) -> int:
        return self.kept.seq

    @property
    def turn(self) -> int:
        return self.kept.turn

    @property
    def epoch(self) -> int:
        return self.kept.epoch

    @property
    def type(self) -> str:
        return self.kept.type

    @property
    def key(self) -> str:
        return self.kept.key

    @property
    def at_ms(self) -> int:
        return self.kept.at_ms

    @property
    def is_request(self) -> bool:
        """Asked for by the body, as opposed to what a step did to its run."""
        return self.type in REQUESTS and not self.fact.get("by_step", False)


def fact_in(payload: bytes) -> Any:
    """A payload's JSON, decompressed if it was large."""
    return msgspec.json.decode(decompressed(payload, "payload"))


class RunLog:
    """One run's row and its events."""

    def __init__(self, log: Log) -> None:
        self.run: RunRecord = log.run
        self.run_id: RunId = log.run.run_id
        self.rows = [Row(kept, fact_in(kept.payload)) for kept in log.rows]

    def of(self, *types: str) -> Iterator[Row]:
        return (row for row in self.rows if row.type in types)

    @cached_property
    def step_of(self) -> RunId:
        """The run that its steps are of: a step in a queue is a run, but a step of its parent."""
        created = self.rows[0].fact
        return RunId(created["parent_id"]) if "step" in created else self.run_id

    @cached_property
    def forked_from(self) -> dict[str, Any]:
        """What its first event says; empty: it is no fork."""
        return self.rows[0].fact.get("forked_from", {}) if self.rows else {}

    @cached_property
    def taken_over(self) -> int:
        """How many of its first events were written with it: of a fork, the first append of nobody's; else none."""
        if not self.forked_from:
            return 0
        return 1 + sum(row.epoch == TAKEOVER for row in self.rows[1:])

    @cached_property
    def taken_back(self) -> set[int]:
        """The seqs of the failures that a retry of the run skips."""
        return {row.fact["failure_seq"] for row in self.of("run_retried")}

    @cached_property
    def told_in_vain(self) -> set[int]:
        """The seqs of disposals that a retry of the run takes back with the failure that led to them."""
        spans = [(row.fact["failure_seq"], row.seq) for row in self.of("run_retried")]
        return {row.seq for row in self.of("hook_disposed") if any(first < row.seq < last for first, last in spans)}

    @cached_property
    def end(self) -> Row | None:
        """The end, if the run has ended and not begun again."""
        return self.rows[-1] if self.rows and self.rows[-1].type in ENDS else None

    @property
    def was_parked(self) -> bool:
        return any(True for _ in self.of("run_blocked"))
