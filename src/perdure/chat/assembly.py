"""An answer put together from its chunks, as a client of npm `ai` 7 does it: the message that is kept.

Source: npm `ai` 7, `processUIMessageStream`. What it leaves undefined isn't there.
"""

from collections.abc import Iterable
from typing import Any, cast

from perdure.chat.chunk import UIMessageChunk, bare, flaw
from perdure.chat.message import UIMessage

KEPT_WHOLE = ("file", "source-url", "source-document")
STATES = {
    "tool-input-start": "input-streaming",
    "tool-input-available": "input-available",
    "tool-input-error": "output-error",
    "tool-output-available": "output-available",
    "tool-output-error": "output-error",
    "tool-output-denied": "output-denied",
    "tool-approval-request": "approval-requested",
}
"""What a tool call comes to by a chunk."""
OF_A_CALL = ("toolCallId", "input", "output", "errorText", "providerExecuted", "preliminary", "title")


class Assembly:
    """`message`: the answer so far; None before it begins. `cut_off`: it was stopped, or failed.

    `before`: the message that the answer goes on with, where it does.
    """

    def __init__(self, chunks: Iterable[UIMessageChunk], before: UIMessage | None = None) -> None:
        self.message: UIMessage | None = None if before is None else {**before, "parts": list(before["parts"])}
        self.cut_off = False
        self._parts: list[dict[str, Any]] = [] if self.message is None else self.message["parts"]
        self._texts: dict[tuple[str, str], dict[str, Any]] = {}
        for chunk in chunks:
            if flaw(chunk) is None:
                self._see(bare(chunk))

    def _see(self, chunk: UIMessageChunk) -> None:
        match chunk["type"]:
            case "start":
                self._begin(chunk.get("messageId"))
                self._tell(chunk)
            case "finish" | "message-metadata":
                self._tell(chunk)
            case "start-step":
                self._parts.append({"type": "step-start"})
            case "reset-step":
                self._reset()
            case "abort" | "error":
                self.cut_off = True
            case kind if kind.startswith(("text-", "reasoning-")):
                self._write(chunk)
            case kind if kind.startswith("tool-"):
                self._call(chunk)
            case kind if kind in KEPT_WHOLE:
                self._parts.append(dict(chunk))
            case kind if kind.startswith("data-") and not chunk.get("transient"):
                self._data(chunk)
            case _:
                pass

    def _begin(self, id: str | None) -> None:
        if self.message is None:
            self.message = {"id": id or "", "role": "assistant", "parts": self._parts}
        elif id is not None:
            self.message["id"] = id

    def _tell(self, chunk: UIMessageChunk) -> None:
        told = chunk.get("messageMetadata")
        if told is not None and self.message is not None:
            self.message["metadata"] = _merged(self.message.get("metadata"), told)

    def _reset(self) -> None:
        while self._parts and self._parts[-1]["type"] != "step-start":
            self._parts.pop()

    def _write(self, chunk: UIMessageChunk) -> None:
        kind, _, what = chunk["type"].partition("-")
        place = kind, chunk["id"]
        if what == "start":
            named = {"id": chunk["id"]} if kind == "reasoning" else {}
            self._texts[place] = {"type": kind, **named, "text": "", "state": "streaming"}
            self._parts.append(self._texts[place])
        part = self._texts.get(place)
        if part is None:
            return
        part["text"] += chunk.get("delta", "")
        if "providerMetadata" in chunk:
            part["providerMetadata"] = chunk["providerMetadata"]
        if what == "end":
            self._texts.pop(place)["state"] = "done"

    def _call(self, chunk: UIMessageChunk) -> None:
        part, kind = self._part_of(chunk), chunk["type"]
        if part is None:
            return
        if kind == "tool-approval-request":
            part["approval"] = {"id": chunk["approvalId"]}
        elif kind == "tool-approval-response":
            said = {name: chunk[name] for name in ("approved", "reason") if name in chunk}
            part.update(state="approval-responded", approval={**part["approval"], **said})
        else:
            part.update({name: chunk[name] for name in OF_A_CALL if name in chunk})
            if "providerMetadata" in chunk:
                part["callProviderMetadata"] = chunk["providerMetadata"]
        part["state"] = STATES.get(kind, part["state"])

    def _part_of(self, chunk: UIMessageChunk) -> dict[str, Any] | None:
        """The part of the call that the chunk is about; a new one where it begins one."""
        for part in reversed(self._parts):
            if chunk["type"] == "tool-approval-response":
                if part.get("approval", {}).get("id") == chunk["approvalId"]:
                    return part
            elif part.get("toolCallId") == chunk["toolCallId"]:
                return part
        if "toolName" not in chunk:
            return None
        named = {"type": f"tool-{chunk['toolName']}"}
        if chunk.get("dynamic"):
            named = {"type": "dynamic-tool", "toolName": chunk["toolName"]}
        self._parts.append({**named, "state": ""})
        return self._parts[-1]

    def _data(self, chunk: UIMessageChunk) -> None:
        for part in self._parts:
            if "id" in chunk and (part["type"], part.get("id")) == (chunk["type"], chunk["id"]):
                part["data"] = chunk["data"]
                return
        self._parts.append({name: chunk[name] for name in ("type", "id", "data") if name in chunk})


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    known = cast(dict[str, Any], old)
    told = cast(dict[str, Any], new)
    return {**known, **{name: _merged(known.get(name), value) for name, value in told.items()}}
