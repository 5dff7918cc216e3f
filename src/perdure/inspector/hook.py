"""Where payloads are waited for, in one run, or in all.

Random tokens are shown in full: who can read the world may resume whatever waits in it.
"""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from perdure.api.hook import payload_schema, waiting_hooks
from perdure.api.info import hook_info
from perdure.api.records import HookInfo, Page, Record
from perdure.codec.value import encode
from perdure.core.hook import hooks_of
from perdure.engine.engine import Engine
from perdure.inspector.page import Asked, page_of
from perdure.inspector.reading import read_events
from perdure.inspector.record import record_of
from perdure.inspector.redaction import redacted
from perdure.inspector.reference import record_named
from perdure.model.event import Event
from perdure.model.ids import RunId
from perdure.world.query import RunRecord


@dataclass(frozen=True, slots=True)
class HookView(Record):
    """`info.metadata` is as the log has it, tags and all, but for what is redacted; None too where it wasn't asked for.
    `rejected` counts payloads that didn't fit; None, as `received`, where the run's log wasn't read. `schema`: what
    payloads look like, as JSON Schema; None: not known here.
    """

    info: HookInfo
    workflow: str
    rejected: int | None = None
    with_data: bool = False
    schema: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        shown = self.info.as_json()
        if not self.with_data:
            del shown["metadata"]
        return {**shown, "rejected": self.rejected, "workflow": self.workflow, "schema": self.schema}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "HookView":
        """The view whose JSON this is. Raises: msgspec.ValidationError."""
        return cls(
            record_of(HookInfo, {"metadata": None, **told}),
            msgspec.convert(told.get("workflow"), str),
            msgspec.convert(told.get("rejected"), int | None),
            "metadata" in told,
            msgspec.convert(told.get("schema"), dict[str, Any] | None),
        )


def hook_view(info: HookInfo, workflow: str, rejected: int | None, *, with_data: bool) -> HookView:
    """As people look at it."""
    metadata = redacted(msgspec.json.decode(encode(info.metadata, "metadata"))) if with_data else None
    return HookView(replace(info, metadata=metadata), workflow, rejected, with_data, payload_schema(info.token))


async def list_hooks(engine: Engine, run: str | None, asked: Asked) -> Page[HookView]:
    """Of a run, in the order of their creation; of all runs those that wait, the newest run's first.

    Raises: RunNotFound, UsageError.
    """
    if run is None:
        return await _waiting(engine, asked)
    record = await record_named(engine, run)
    _, events = await read_events(engine, record.run_id)
    return page_of(asked, hooks_in(record, events, with_data=asked.with_data), "hooks")


def hooks_in(run: RunRecord, events: list[Event], *, with_data: bool) -> list[HookView]:
    """All of a run, in the order of their creation."""
    return [
        hook_view(hook_info(run.run_id, hook), run.workflow, hook.rejected, with_data=with_data)
        for hook in hooks_of(events)
    ]


async def _waiting(engine: Engine, asked: Asked) -> Page[HookView]:
    page = await waiting_hooks(engine, asked.limit, asked.cursor)
    workflows: dict[str, str] = {}
    for run_id in dict.fromkeys(info.run_id for info in page.items):
        record = await engine.world.read_run(RunId(run_id))
        workflows[run_id] = record.workflow if record is not None else ""
    views = (hook_view(info, workflows[info.run_id], None, with_data=asked.with_data) for info in page.items)
    return Page(items=tuple(views), cursor=page.cursor)
