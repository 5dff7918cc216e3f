"""What ends a chat's stream: a client goes on asking for more until it has read `finish`, whatever has become of the run."""

from typing import NamedTuple

import msgspec
from msgspec import Raw

from perdure.chat.chunk import UIMessageChunk, sound
from perdure.model.event import StreamEpilogue

FAILED = "The answer could not be finished."
"""What a client is told of a failed run: the error itself may hold what is none of its business."""
STOPPED = "stopped"


class Ending(NamedTuple):
    """The last chunks, by how the run ends."""

    completed: list[UIMessageChunk]
    failed: list[UIMessageChunk]
    cancelled: list[UIMessageChunk]


def ending(finish_reason: str | None = None, *, stopped: str | None = None, error_told: bool = False) -> Ending:
    """`stopped`: why the answer ends before it was whole, for the message's metadata. `error_told`: the stream has said what
    went wrong, should the run fail now."""
    error: list[UIMessageChunk] = [] if error_told else [{"type": "error", "errorText": FAILED}]
    return Ending(
        sound([finish(finish_reason, stopped)]),
        sound([*error, {"type": "finish", "finishReason": "error"}]),
        sound([{"type": "abort", "reason": STOPPED}, {"type": "finish", "finishReason": "other"}]),
    )


def finish(finish_reason: str | None, stopped: str | None) -> UIMessageChunk:
    """The last chunk of an answer that was given."""
    told = {} if stopped is None else {"messageMetadata": {"stopped": stopped}}
    return {"type": "finish", "finishReason": finish_reason, **told}


def epilogue(stream: str = "") -> StreamEpilogue:
    """The same, for a run that is started as a chat: it may end before its body says anything."""
    completed, failed, cancelled = ([Raw(msgspec.json.encode(chunk)) for chunk in chunks] for chunks in ending())
    return StreamEpilogue(stream=stream, completed=tuple(completed), failed=tuple(failed), cancelled=tuple(cancelled))
