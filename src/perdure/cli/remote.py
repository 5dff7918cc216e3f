"""What `perdure inspect` looks at, out of the JSON of an inspector elsewhere: the same records as from a World."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec

from perdure.api.records import Page, StepStatus, StreamInfo, WaitInfo
from perdure.cli.client import Client, Query
from perdure.cli.failure import InspectorUnusable
from perdure.inspector.event import EventView
from perdure.inspector.filter import Wanted
from perdure.inspector.hook import HookView
from perdure.inspector.log import LogLine
from perdure.inspector.log import Wanted as Lines
from perdure.inspector.page import Asked
from perdure.inspector.record import record_of
from perdure.inspector.run import RunDetail, RunView
from perdure.inspector.span import Timeline
from perdure.inspector.step import StepView
from perdure.inspector.worker import WorkerInfo
from perdure.inspector.workflow import WorkflowInfo
from perdure.model.log import LEVELS
from perdure.model.status import Status

T = TypeVar("T")
PAGE = 1000
"""So many items the API gives at once, at most."""
STRANGE = "its answer isn't as this version of perdure knows it"


class Remote:
    """Each method raises InspectorUnusable, InspectorRefused."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def runs(self, wanted: Wanted, status: tuple[Status, ...], asked: Asked) -> Page[RunView]:
        return self._page(["runs"], RunView.from_json, asked, [*_states(status), *query_of(wanted)])

    def children(self, run: str, asked: Asked) -> Page[RunView]:
        return self._page(["runs", run, "children"], RunView.from_json, asked)

    def steps(self, run: str | None, wanted: Wanted, status: tuple[StepStatus, ...], asked: Asked) -> Page[StepView]:
        query = [*_states(status), *query_of(wanted)]
        return self._page(["steps"] if run is None else ["runs", run, "steps"], StepView.from_json, asked, query)

    def events(self, run: str, asked: Asked) -> Page[EventView]:
        return self._page(["runs", run, "events"], EventView.from_json, asked)

    def hooks(self, run: str | None, asked: Asked) -> Page[HookView]:
        return self._page(["hooks"] if run is None else ["runs", run, "hooks"], HookView.from_json, asked)

    def waits(self, run: str, asked: Asked) -> Page[WaitInfo]:
        return self._page(["runs", run, "waits"], partial(record_of, WaitInfo), asked)

    def streams(self, run: str, asked: Asked) -> Page[StreamInfo]:
        return self._page(["runs", run, "streams"], partial(record_of, StreamInfo), asked)

    def workers(self, asked: Asked) -> Page[WorkerInfo]:
        return self._page(["workers"], partial(record_of, WorkerInfo), asked)

    def workflows(self, asked: Asked) -> Page[WorkflowInfo]:
        return self._page(["workflows"], partial(record_of, WorkflowInfo), asked)

    def logs(self, run: str, lines: Lines, asked: Asked) -> Page[LogLine]:
        query = [("level", name) for name, number in LEVELS.items() if number == lines.level]
        if lines.step is not None:
            query.append(("step", lines.step))
        return self._page(["runs", run, "logs"], partial(record_of, LogLine), asked, query)

    def run_id(self, run: str) -> str:
        """Of one that is there."""
        return self.run(run).view.info.run_id

    def run(self, run: str, *, with_data: bool = False, with_timeline: bool = False) -> RunDetail:
        """`with_timeline`: of a run whose log opens there."""
        told = self._client.get(["runs", run], _data(with_data))
        with self._reading():
            detail = RunDetail.from_json(told, None)
        if with_timeline and not detail.view.info.locked:
            told = self._client.get(["runs", detail.view.info.run_id, "timeline"])
            with self._reading():
                return detail._replace(timeline=record_of(Timeline, told))
        return detail

    def step(self, step: str, run: str | None, *, with_data: bool) -> StepView:
        told = self._client.get(["steps", step], [] if run is None else [("run", run)])
        with self._reading():
            return StepView.from_json(told, with_data=with_data)

    def _page(self, path: list[str], read: Callable[[Any], T], asked: Asked, query: Query = ()) -> Page[T]:
        """As many as were asked for, though the API gives `PAGE` at once."""
        items: list[T] = []
        cursor = asked.cursor
        while True:
            limit = min(asked.limit - len(items), PAGE)
            place = [] if cursor is None else [("cursor", cursor)]
            told = self._client.get(path, [*query, ("limit", str(limit)), *place, *_data(asked.with_data)])
            with self._reading():
                found = [read(each) for each in msgspec.convert(told.get("items"), list[dict[str, Any]])]
                cursor = msgspec.convert(told.get("cursor"), str | None)
            items += found
            if cursor is None or len(found) < limit or len(items) >= asked.limit:
                return Page(items=tuple(items), cursor=cursor)

    @contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except msgspec.ValidationError as error:
            raise InspectorUnusable(self._client.server, f"{STRANGE}: {error}") from None


def query_of(wanted: Wanted) -> list[tuple[str, str]]:
    """The conditions, as the query of a URL has them."""
    moments = (("since", wanted.since), ("until", wanted.until))
    texts = (("workflow", wanted.workflow), ("q", wanted.q or None))
    return [
        *((name, at.isoformat()) for name, at in moments if at is not None),
        *((name, text) for name, text in texts if text is not None),
        *(("attr", f"{key}={value}") for key, value in wanted.attributes),
    ]


def _states(status: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("status", each) for each in status]


def _data(with_data: bool) -> list[tuple[str, str]]:
    return [("withData", "true")] if with_data else []
