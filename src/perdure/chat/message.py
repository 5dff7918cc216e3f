"""Messages as a chat client keeps and sends them: what is looked at before a run is started for them."""

from typing import Any, TypeAlias, cast

UIMessage: TypeAlias = dict[str, Any]
"""`{"id": …, "role": "user" or "assistant", "parts": [{"type": "text", "text": …}, …]}`, as npm `ai` has it."""

ROLES = ("user", "assistant")
NEEDED = {
    "text": ("text",),
    "reasoning": ("text",),
    "file": ("mediaType", "url"),
    "source-url": ("sourceId", "url"),
    "source-document": ("sourceId", "mediaType", "title"),
    "dynamic-tool": ("toolName", "toolCallId", "state"),
    "tool-": ("toolCallId", "state"),
}
"""The texts that a part needs, by its type."""
SCHEMES = ("data:", "https://", "http://")
"""Of files. What a model's provider fetches with the server's rights (`s3://`, `gs://`) is nothing that a client names."""


def misfit(value: object) -> tuple[str, str] | None:
    """The path of what is no list of messages, and why; None: it is one."""
    if not isinstance(value, list):
        return "messages", "it is a list"
    messages = cast(list[object], value)
    if not messages:
        return "messages", "it is empty: there is nothing to answer"
    for number, message in enumerate(messages):
        wrong = _misfit(message)
        if wrong is not None:
            path, reason = wrong
            return f"messages[{number}]{path}", reason
    return None


def _misfit(value: object) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return "", "a message is an object"
    message = cast(UIMessage, value)
    if not isinstance(message.get("id", ""), str):
        return ".id", "it is a text"
    if message.get("role") not in ROLES:
        return ".role", f"it is {' or '.join(ROLES)}: instructions are the server's"
    parts: object = message.get("parts")
    if not isinstance(parts, list):
        return ".parts", "it is a list"
    for number, part in enumerate(cast(list[object], parts)):
        reason = _part_misfit(part)
        if reason is not None:
            return f".parts[{number}]", reason
    return None


def _part_misfit(value: object) -> str | None:
    part = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    kind = part.get("type")
    if not isinstance(kind, str):
        return "a part is an object with a type"
    for name in NEEDED.get("tool-" if kind.startswith("tool-") else kind, ()):
        if not isinstance(part.get(name), str):
            return f"a {kind} part needs the text {name}"
    if kind == "file" and not part["url"].startswith(SCHEMES):
        return f"a file's url begins with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}"
    return None
