"""The model: a real one where `PERDURE_MODEL` names it (`anthropic:claude-haiku-4-5`), else one that quotes what it finds."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from examples.ingestion.index import Passage, words_of

PAUSE_S = 0.01
QUOTES = 2
WORDS_MIN = 5
_CODE = re.compile(r"^ *(```+|~~~+).*?^ *\1", re.MULTILINE | re.DOTALL)
_MARKS = re.compile(r"\*\*|\[([^]]*)]\([^)]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])|\n\s*\n|\n(?=[*|-])")


async def speak(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    """Searches for the question as it was asked, and answers with the sentences that have most of its words."""
    parts = [part for message in messages for part in message.parts]
    last = max(place for place, part in enumerate(parts) if part.part_kind == "user-prompt")
    asked = str(getattr(parts[last], "content", ""))
    found = next((part.content for part in parts[last:] if part.part_kind == "tool-return"), None)
    if found is None:
        yield {0: DeltaToolCall(name="search_docs", json_args=json.dumps({"query": asked}))}
        return
    passages = [each for each in found if isinstance(each, Passage)] if isinstance(found, list) else None
    text = f"I can't search now. {found}" if passages is None else answer(asked, passages)
    for word in text.split(" "):
        yield f"{word} "
        await asyncio.sleep(PAUSE_S)


def answer(question: str, found: list[Passage]) -> str:
    words = _stems(question)
    quotes = [
        (len(words & _stems(sentence)), sentence, passage.source)
        for passage in found
        for sentence in _sentences(passage.text)
    ]
    best = sorted(quotes, key=lambda quote: -quote[0])[:QUOTES]
    said = [f"{sentence} [{source}]" for fits, sentence, source in best if 2 * fits > len(words)]
    return "\n".join(said) or "The documents don't say."


def _sentences(markdown: str) -> list[str]:
    """Without code, and without what is too short to say anything: a table's heading, say."""
    plain = _MARKS.sub(lambda mark: mark[1] or "", _CODE.sub("", markdown))
    sentences = [" ".join(sentence.split()).strip("*|- ") for sentence in _SENTENCE_END.split(plain)]
    return [sentence for sentence in sentences if len(re.findall(r"\w+", sentence)) >= WORDS_MIN]


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in words_of(text)}


def _stem(word: str) -> str:
    """Roughly: `crashes` and `crashed` are one word."""
    return re.sub(r"(?:es|ed|ing|s|e)$", "", word)


def chosen() -> Model | str:
    # Whichever it is, a replay has what was said.
    named = os.environ.get("PERDURE_MODEL")  # perdure: ignore[environment]
    return named or FunctionModel(stream_function=speak)
