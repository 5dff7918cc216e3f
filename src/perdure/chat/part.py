"""The parts of a message that have begun and not ended: what must be said when what wrote them is cut off."""

from collections.abc import Iterable

from perdure.chat.chunk import UIMessageChunk

CUT_OFF = "interrupted"
"""What a tool call says that was cut off: the model is asked again."""


class OpenParts:
    """Texts, reasoning and tool calls, as chunks tell of them."""

    def __init__(self, chunks: Iterable[UIMessageChunk] = ()) -> None:
        self._open: dict[tuple[str, str], UIMessageChunk] = {}
        self._typed: dict[str, str] = {}
        for chunk in chunks:
            self.see(chunk)

    def see(self, chunk: UIMessageChunk) -> None:
        """Take one chunk in."""
        match chunk:
            case {"type": "text-start" | "reasoning-start" as kind, "id": str(id)}:
                self._open[kind.removesuffix("-start"), id] = chunk
            case {"type": "text-end" | "reasoning-end" as kind, "id": str(id)}:
                self._open.pop((kind.removesuffix("-end"), id), None)
            case {"type": "tool-input-start" | "tool-input-available", "toolCallId": str(id)}:
                self._open["tool", id] = chunk
            case {"type": "tool-input-delta", "toolCallId": str(id), "inputTextDelta": str(delta)}:
                self._typed[id] = self._typed.get(id, "") + delta
            case {
                "type": "tool-input-error" | "tool-output-available" | "tool-output-error" | "tool-output-denied",
                "toolCallId": str(id),
            }:
                self._open.pop(("tool", id), None)
            case {"type": "reset-step"}:
                self._open.clear()
            case _:
                pass

    def closing(self) -> list[UIMessageChunk]:
        """What ends them all, the last to begin first; nothing is open then."""
        open_, self._open = self._open, {}
        return [self._end(kind, id, chunk) for (kind, id), chunk in reversed(open_.items())]

    def _end(self, kind: str, id: str, chunk: UIMessageChunk) -> UIMessageChunk:
        if kind != "tool":
            return {"type": f"{kind}-end", "id": id}
        told = {"toolCallId": id, "errorText": CUT_OFF}
        if "providerExecuted" in chunk:
            told["providerExecuted"] = chunk["providerExecuted"]
        if chunk["type"] == "tool-input-available":
            return {"type": "tool-output-error", **told}
        return {"type": "tool-input-error", "toolName": chunk["toolName"], "input": self._typed.get(id, ""), **told}
