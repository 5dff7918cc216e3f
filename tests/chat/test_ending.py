"""The last chunks of a chat: whichever way a run ends, there is one `finish`, and it is the last."""

import json

import pytest

from perdure.chat.ending import FAILED, ending, epilogue


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled"])
@pytest.mark.parametrize("error_told", [False, True])
def test_each_ends_with_finish(how: str, error_told: bool) -> None:
    kinds = [chunk["type"] for chunk in getattr(ending("stop", error_told=error_told), how)]
    assert kinds.count("finish") == 1
    assert kinds[-1] == "finish"


def test_why_is_said_once_and_without_details() -> None:
    assert ending().failed == [{"type": "error", "errorText": FAILED}, {"type": "finish", "finishReason": "error"}]
    assert ending(error_told=True).failed == [{"type": "finish", "finishReason": "error"}]
    assert ending("length").completed == [{"type": "finish", "finishReason": "length"}]
    stopped = {"type": "finish", "finishReason": "tool-calls", "messageMetadata": {"stopped": "budget"}}
    assert ending("tool-calls", stopped="budget").completed == [stopped]


def test_a_start_brings_the_same_along() -> None:
    told = epilogue()
    assert (told.stream, [json.loads(bytes(chunk)) for chunk in told.failed]) == ("", ending().failed)
    assert [json.loads(bytes(chunk)) for chunk in told.cancelled] == ending().cancelled
