"""What is said to the assistant."""

from typing import Any

from perdure.chat.turn import Word

WHERE, REFUND, AGAIN = "Where is o-2?", "Please refund o-1", "Where is it?"
IS = "o-1 is a kettle for 35 €, delivered."


def message(text: str, id: str = "m1") -> dict[str, Any]:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": text}]}


def later(text: str, id: str) -> Word:
    """As it reaches a session that there is."""
    return Word("message", id, message(text, id))


END = Word("end")
