"""What the verbs give back about runs: frozen records, each with its JSON."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar, cast

from perdure.api.plain import plain_json
from perdure.model.status import Status

T = TypeVar("T")
WaitKind = Literal["hook", "sleep", "step", "retry", "child", "worker", "code"]
HookStatus = Literal["waiting", "conflict", "disposed", "expired", "ended"]
StepStatus = Literal["pending", "running", "retrying", "completed", "failed", "cancelled"]


class Record:
    """A frozen record with JSON: camelCase keys of our own, values as JSON has them, user's keys untouched."""

    def as_json(self) -> dict[str, Any]:
        """As JSON has it: times in ISO 8601, UTC."""
        assert is_dataclass(self)
        return {camel(part.name): _plain(getattr(self, part.name)) for part in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Record):
    """One thing that a run waits for. `until` None: not bounded by time; a `timeout` around a step or child sets it. `detail`
    in words."""

    kind: WaitKind
    key: str
    since: datetime
    until: datetime | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo(Record):
    """An error as data; `type` without its module; `traceback` as text, or None."""

    type: str
    message: str
    traceback: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceInfo(Record):
    """Why a run is blocked by its code: what is `recorded`, what was `attempted`, in which turn, the source `line` (or
    None), and the `deployment` that wrote the turn."""

    recorded: str
    attempted: str
    turn: int
    line: str | None
    deployment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo(Record):
    """Where a run stands.

    * `started_at`, `completed_at`, `duration_ms`: None where it isn't so far; the duration is from creation to end.
    * `parent_id`, `root_id`: the run that started it, and the first of that line (itself, if it has no parent).
    * `recoveries`: deaths of its worker's process without a completed turn in between.
    * `deployment`: the code of the process that started it: the name that it was given, or `code:` and a digest of the
      sources. `pin`: the deployment whose workers alone may run it, or None.
    * `result`, `error`: once it has ended. `reason`, `forced`: why it was cancelled or is blocked; whether it ended without
      its body. `divergence`: if its code has blocked it.
    * `waiting_for`, `waiting_sentence`: what it waits for, as data and in words.
    * `locked`: its payloads can't be opened with this process's keys, so there is no more here than its row says; `reason`
      names the key.
    """

    run_id: str
    workflow: str
    status: Status
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None
    attributes: dict[str, str]
    parent_id: str | None
    root_id: str
    recoveries: int
    deployment: str
    pin: str | None = None
    reason: str | None
    forced: bool
    result: Any = None
    error: ErrorInfo | None = None
    divergence: DivergenceInfo | None = None
    waiting_for: tuple[Waiting, ...] = ()
    waiting_sentence: str = ""
    locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInfo(Record):
    """One event of a run's log. `data` is the event's payload, its fields in camelCase, the user's values as they are.

    Where this process's keys don't open the payload, `data` is `{"locked": why}`; where it can't be read, because it is
    damaged or a newer version's, `{"unreadable": why, "raw": text}`.
    """

    seq: int
    turn: int
    type: str
    key: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo(Record):
    """One step of a run, with its last attempt. `input` is by name; `started_at` is None until it begins; `retry_at` is when
    the next attempt begins, None where none is due; `queue` is set where it was sent to one."""

    step_id: str
    run_id: str
    name: str
    status: StepStatus
    attempt: int
    input: Any
    output: Any
    error: ErrorInfo | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    retry_at: datetime | None
    queue: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitInfo(Record):
    """One sleep or timeout of a run. `due_at` is when it ends by itself; "woken": somebody has ended it before."""

    key: str
    kind: Literal["sleep", "timeout"]
    status: Literal["waiting", "completed", "woken", "cancelled"]
    created_at: datetime
    due_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookInfo(Record):
    """One hook. `token` is how payloads reach it; `metadata` what its workflow said of it; `expires_at` None: never;
    `webhook`: it takes HTTP requests alone; `status` "conflict": another had the token, "ended": its run has.

    `received`: payloads that the run has had so far; one that was accepted while no worker lives isn't there yet. None where
    only its token was looked up.
    """

    run_id: str
    hook_id: str
    token: str
    metadata: Any
    created_at: datetime
    expires_at: datetime | None
    webhook: bool = False
    status: HookStatus = "waiting"
    received: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo(Record):
    """One stream of a run. `namespace` None: the default stream; `tail_index` is the last chunk's, -1 where it is empty."""

    namespace: str | None
    tail_index: int
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk(Record, Generic[T]):
    """One chunk of a stream. `step_id` and `attempt` say who wrote it; None and 0: the workflow's body.

    Where a step was retried, chunks of a higher attempt of the same `step_id` follow those of a lower one.
    """

    index: int
    value: T
    step_id: str | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Record, Generic[T]):
    """Some items of a list; `cursor` asks for the next ones, None: there are no more."""

    items: tuple[T, ...]
    cursor: str | None


class Listing(Generic[T]):
    """A list that is awaited for one Page, or iterated with `async for` over all of it."""

    def __init__(self, page: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None = None) -> None:
        self._page, self._cursor = page, cursor

    def __await__(self) -> Generator[Any, Any, Page[T]]:
        return self._page(self._cursor).__await__()

    async def __aiter__(self) -> AsyncIterator[T]:
        cursor = self._cursor
        while True:
            page = await self._page(cursor)
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return


def moment(at_ms: int) -> datetime:
    """An aware UTC datetime."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def moment_or_none(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else moment(at_ms)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.as_json()
    if isinstance(value, tuple):
        return [_plain(item) for item in cast(tuple[Any, ...], value)]
    return plain_json(value)
