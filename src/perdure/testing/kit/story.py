"""A run's log as a text that reads well, and is the same in every test: no ids, no durations, times since the start."""

from perdure.core.divergence import cut
from perdure.model.event import (
    AttributesSet,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    HookConflict,
    HookCreated,
    HookReceived,
    PatchMarked,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StreamWritten,
    WaitCreated,
)
from perdure.model.failure import Failure

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def story(events: list[Event]) -> str:
    """A line an event, without those that tell how a run moved between workers."""
    began_ms, told = events[0].at_ms, _Names()
    lines: list[str] = []
    for event in events:
        if event.fact.type in ("run_started", "run_resumed", "requests_released"):
            continue
        line = f"{'+' + duration_text(event.at_ms - began_ms):<10} {event.fact.type:<16} {told.of(event)}"
        lines.append(line.rstrip())
    return "\n".join(lines)


class _Names:
    """What events are about, by key."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, event: Event) -> str:
        name = self._named(event)
        if name is not None:
            self._names[event.key] = name
        words = (self._names.get(event.key, ""), _detail(event))
        return " ".join(word for word in words if word)

    def _named(self, event: Event) -> str | None:
        match event.fact:
            case RunCreated(workflow=name) | ChildCreated(workflow=name) | StepCreated(name=name):
                return name.rpartition(":")[2]
            case HookCreated(token=token, random=random) | HookConflict(hook=HookCreated(token=token, random=random)):
                return "(random token)" if random else token
            case WaitCreated(due_ms=due_ms, timeout=timeout):
                return f"{'timeout' if timeout else 'sleep'} {duration_text(max(0, due_ms - event.at_ms))}"
            case _:
                return None


def _detail(event: Event) -> str:
    match event.fact:
        case RunCreated(input=value) | StepCreated(input=value) | ChildCreated(input=value):
            return cut(value)
        case StepCompleted(result=value) | RunCompleted(result=value) | ChildCompleted(result=value):
            return cut(value)
        case HookReceived(payload=value, rejected=rejected):
            return cut(value) if rejected is None else f"{cut(value)} rejected: {rejected}"
        case StreamWritten(data=value, stream=stream):
            return f"{stream or 'default'} {cut(value)}"
        case StepFailed(error=error) | RunFailed(error=error) | ChildFailed(error=error):
            return _error(error)
        case StepRetrying(error=error, retry_at_ms=retry_at_ms):
            return f"{_error(error)}, again in {duration_text(max(0, retry_at_ms - event.at_ms))}"
        case RunCancelled(reason=reason) | ChildCancelled(reason=reason):
            return reason or ""
        case PatchMarked(name=name, answer=answer):
            return f"{name} {answer}"
        case AttributesSet(changes=changes):
            return ", ".join(f"{name}={value}" for name, value in changes.items())
        case RunBlocked(sentence=sentence):
            return sentence
        case _:
            return ""


def _error(error: Failure) -> str:
    return f"{error.type.rpartition(':')[2]}: {error.message}"


def duration_text(ms: int) -> str:
    """As people write durations: `1d`, `1h30m`, `1s500ms`."""
    words: list[str] = []
    for unit, size in _UNITS:
        count, ms = divmod(ms, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"
