"""What is to be seen at a stop, for people and for programs: where the run stands, its branches, and their locals."""

import linecache
import traceback
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from perdure.core.divergence import cut, describe
from perdure.model.event import Event, RunCompleted
from perdure.testing.debugger.recording import Recording
from perdure.testing.debugger.replay import Replay, State
from perdure.testing.debugger.stack import Place
from perdure.testing.debugger.task import Branch, branches_of, index_of, stack_of
from perdure.testing.gate.verdict import diverging

SHOWN_CHARACTERS = 1000


class Sight(Struct, frozen=True, kw_only=True, rename="camel"):
    """`event`: the last one that the body got to; `task`: the number of the branch to look at first, from 1."""

    run_id: str
    workflow: str
    event: dict[str, Any]
    last_event: int
    state: State
    sentence: str
    divergence: dict[str, Any] | None
    task: int
    tasks: list[dict[str, Any]]

    def lines(self) -> Iterator[str]:
        """For people."""
        yield self.sentence
        for task in self.tasks:
            if len(self.tasks) > 1:
                yield ""
                yield f"task {task['task']} {task['name']} ({task['path']}){waits_for(task['waitsFor'])}"
            for frame in task["frames"]:
                yield f"{frame['file']}:{frame['line']} {frame['function']}"
                yield f"-> {frame['code']}"
                yield from (f"   {name} = {shown}" for name, shown in frame["locals"].items())


def seen_at(recording: Recording, until: int | None) -> Sight:
    """The state just after an event; None: where the log ends. Raises: UsageError where there is no such event."""
    found: list[Sight] = []

    def look(replay: Replay) -> None:
        found.append(sight_of(replay))
        replay.leave()

    Replay(recording, look, until).run()
    return found[0]


def sight_of(replay: Replay) -> Sight:
    recording, branches = replay.recording, branches_of(replay)
    event = recording.event(replay.seq)
    return Sight(
        run_id=recording.run_id,
        workflow=recording.created.workflow,
        event={"seq": event.seq, "turn": event.turn, "type": event.fact.type, "key": event.key},
        last_event=recording.last_seq,
        state=replay.state,
        sentence=sentence_of(replay),
        divergence=_divergence(replay),
        task=index_of(replay, branches) + 1,
        tasks=[_branch(branches, index) for index in range(len(branches))],
    )


def sentence_of(replay: Replay) -> str:
    """Where it stands."""
    event, last = replay.recording.event(replay.seq), replay.recording.last_seq
    return f"{f'event {event.seq} of {last}, {named(event)}'}: {_what(replay)}"


def named(event: Event) -> str:
    return f"{event.fact.type} {event.key}".rstrip()


def waits_for(keys: list[str]) -> str:
    return f" waits for {', '.join(keys)}" if keys else ""


def text_of(value: object, characters: int = SHOWN_CHARACTERS) -> str:
    """Its repr, cut where it is long. Never raises."""
    try:
        return shortened(repr(value), characters)
    except Exception as error:
        return f"<{type(value).__name__}: its repr raises {type(error).__name__}>"


def shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}… (cut: it has {len(text):,} characters)"


def error_line(error: BaseException | None) -> str:
    """`ValueError: no such item`, without what was noted on it."""
    return traceback.format_exception_only(error)[0].strip()


def _what(replay: Replay) -> str:
    match replay.state:
        case "diverges":
            found = _divergence(replay)
            assert found is not None, "what diverges has a divergence"
            line = f" at {found['line']}" if found["line"] else ""
            return (
                f"from here on today's code doesn't fit the log, which has at event {found['event']}: "
                f"recorded is {found['recorded']}, attempted{line} is {found['attempted']}"
            )
        case "has ended":
            return f"the body has ended: {_end(replay)}"
        case "waits":
            new = next(iter(replay.body.asked_anew()), None)
            told = "" if new is None else f", and asks for what isn't in the log yet: {describe(new)}"
            return f"the body waits{told}"
        case "asks":
            return "the body asks for it here"
        case "raises":
            return f"it raises {error_line(replay.error)}"
        case "goes on":
            return "the body goes on here"


def _end(replay: Replay) -> str:
    end, main = replay.body.end, replay.body.main
    if isinstance(end, RunCompleted):
        return f"its result is {cut(end.result)}"
    assert main is not None, "it has begun"
    return "it was cancelled" if main.cancelled() else error_line(main.exception())


def _divergence(replay: Replay) -> dict[str, Any] | None:
    found = replay.divergence
    if found is None:
        return None
    event = diverging(replay.recording.events, found, cut)
    return {
        "event": None if event is None else event.seq,
        "turn": found.turn,
        "recorded": found.recorded,
        "attempted": found.attempted,
        "line": found.line,
    }


def _branch(branches: list[Branch], index: int) -> dict[str, Any]:
    branch = branches[index]
    return {
        "task": index + 1,
        "path": branch.path,
        "name": branch.name,
        "waitsFor": branch.awaited,
        "frames": [_frame(place) for place in branch.stack or stack_of(branches, index)],
    }


def _frame(place: Place) -> dict[str, Any]:
    frame, line = place
    code = frame.f_code
    return {
        "file": code.co_filename,
        "line": line,
        "function": code.co_qualname,
        "code": linecache.getline(code.co_filename, line).strip(),
        "locals": {name: text_of(value) for name, value in frame.f_locals.items() if not name.startswith(".")},
    }
