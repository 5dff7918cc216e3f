"""The one table of chunks: what may go to a chat client, and how each looks on the wire.

Source: npm `ai` 6 and 7, `uiMessageChunkSchema`. A type that a client doesn't know is fatal to it, so is (in older ones) a
field; so both are looked up here, and nowhere else. What older clients don't know keeps its index, in another guise.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec

UIMessageChunk: TypeAlias = dict[str, Any]
"""A chunk as it is written to a chat's stream, and as the client gets it: `{"type": "text-delta", "id": …, "delta": …}`."""

OLDEST, NEWEST = 6, 7
"""Major versions of npm `ai` that are served."""

CHUNKS = """
start                   messageId? messageMetadata?
finish                  finishReason? messageMetadata?
start-step
finish-step
reset-step
abort                   reason?
error                   errorText
message-metadata        messageMetadata
text-start              id providerMetadata?
text-delta              id delta providerMetadata?
text-end                id providerMetadata?
reasoning-start         id providerMetadata?
reasoning-delta         id delta providerMetadata?
reasoning-end           id providerMetadata?
tool-input-start        toolCallId toolName providerExecuted? providerMetadata? dynamic? title?
tool-input-delta        toolCallId inputTextDelta
tool-input-available    toolCallId toolName input providerExecuted? providerMetadata? dynamic? title?
tool-input-error        toolCallId toolName input errorText providerExecuted? providerMetadata? dynamic? title?
tool-approval-request   approvalId toolCallId
tool-approval-response  approvalId approved reason? providerExecuted?
tool-output-available   toolCallId output providerExecuted? dynamic? preliminary?
tool-output-error       toolCallId errorText providerExecuted? dynamic?
tool-output-denied      toolCallId
source-url              sourceId url title? providerMetadata?
source-document         sourceId mediaType title filename? providerMetadata?
file                    url mediaType providerMetadata?
data-*                  id? data transient?
"""
"""Type, and fields; those with `?` may be left out."""

KINDS: dict[str, type] = {
    "approved": bool, "dynamic": bool, "preliminary": bool, "providerExecuted": bool, "transient": bool,
    "data": object, "input": object, "messageMetadata": object, "output": object,
    "providerMetadata": dict,
}  # fmt: skip
"""What a field holds; all others hold text. Where anything goes, null is a value: it is kept, and may be all there is."""

FINISH_REASONS = frozenset(("stop", "length", "content-filter", "tool-calls", "error", "other"))

DISGUISED = frozenset(("reset-step", "tool-approval-response"))
"""Since 7. To older clients each is `data-` and its name, transient: its index stays, and an app may act on it."""


class Field(NamedTuple):
    """One field of a chunk."""

    name: str
    kind: type
    required: bool


def _table(text: str) -> dict[str, tuple[Field, ...]]:
    rows = (line.split() for line in text.strip().splitlines())
    return {name: tuple(_field(field) for field in fields) for name, *fields in rows}


def _field(text: str) -> Field:
    name = text.removesuffix("?")
    return Field(name, KINDS.get(name, str), name == text)


TABLE = _table(CHUNKS)


def flaw(value: object) -> str | None:
    """Why no client could take this chunk; None: all can."""
    if not isinstance(value, dict):
        return "it is no object"
    chunk = cast(UIMessageChunk, value)
    fields = _fields_of(chunk.get("type"))
    if fields is None:
        return f"there is no chunk of type {chunk.get('type')!r}"
    for field in fields:
        if field.required and field.name not in chunk:
            return f"{chunk['type']} needs {field.name}"
        given = chunk.get(field.name)
        if not isinstance(given, field.kind) and (given is not None or field.required):
            return f"{chunk['type']}'s {field.name} is a {type(given).__name__}"
    if chunk["type"] == "finish" and chunk.get("finishReason") not in (None, *FINISH_REASONS):
        return f"finish has no finishReason {chunk['finishReason']!r}"
    return None


def bare(chunk: UIMessageChunk) -> UIMessageChunk:
    """A chunk without a flaw, as the wire has it: no other fields, and no null but where it is a value."""
    fields = _fields_of(chunk["type"]) or ()
    kept = [field.name for field in fields if field.name in chunk]
    held = {name: chunk[name] for name in kept if chunk[name] is not None or KINDS.get(name) is object}
    return {"type": chunk["type"], **held}


def sound(chunks: Iterable[UIMessageChunk]) -> list[UIMessageChunk]:
    """Chunks of our own making, bare. Raises: AssertionError for one that has a flaw."""
    made: list[UIMessageChunk] = []
    for chunk in chunks:
        assert flaw(chunk) is None, f"the chat wire: {flaw(chunk)}"
        made.append(bare(chunk))
    return made


def encoded(value: object, ai: int, attempt: int = 0) -> bytes:
    """The chunk as JSON for clients of this major version of `ai`. One that they can't take is still a chunk, which they
    leave alone: its index stays. `attempt`: of the step that wrote it."""
    wrong = flaw(value)
    if wrong is not None:
        return msgspec.json.encode({"type": "data-unreadable", "data": {"reason": wrong}, "transient": True})
    chunk = bare(cast(UIMessageChunk, value))
    if ai < NEWEST and chunk["type"] in DISGUISED:
        told = {name: held for name, held in chunk.items() if name != "type"} or {"attempt": attempt}
        chunk = {"type": f"data-{chunk['type']}", "data": told, "transient": True}
    return msgspec.json.encode(chunk)


def _fields_of(kind: object) -> tuple[Field, ...] | None:
    if not isinstance(kind, str):
        return None
    return TABLE["data-*"] if kind.startswith("data-") else TABLE.get(kind)
