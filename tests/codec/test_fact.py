import pytest
from msgspec import Raw

from perdure.codec.compression import COMPRESSED
from perdure.codec.fact import fact_json, pack, unpack
from perdure.codec.failure import from_failure, to_failure
from perdure.errors import DecodeError, EncodeError
from perdure.model.event import (
    FACTS,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunStarted,
    StepCompleted,
    StepFailed,
    WaitCreated,
)
from perdure.model.ids import RunId


def test_a_fact_is_its_json() -> None:
    fact = StepCompleted(attempt=2, result=Raw(b'{"$":"set","v":[1]}'))
    assert pack(fact) == b'{"attempt":2,"result":{"$":"set","v":[1]}}'
    assert unpack("step_completed", pack(fact)) == fact


def test_defaults_take_no_room() -> None:
    assert pack(RunStarted()) == b"{}"
    assert pack(WaitCreated(due_ms=5)) == b'{"due_ms":5}'


def test_facts_come_back() -> None:
    for fact in (
        RunStarted(deployment="d1"),
        RunCreated(workflow="app:fulfil", input=Raw(b"{}"), parent_id=RunId("wrun_1")),
        RunCancelled(reason="naïve \0", forced=True),
    ):
        back = unpack(fact.type, pack(fact))
        assert type(back) is type(fact)
        assert pack(back) == pack(fact)


def test_a_failure_in_a_fact_comes_back() -> None:
    fact = StepFailed(attempt=1, error=to_failure(ExceptionGroup("both", [KeyError("a"), ValueError({"b"})])))
    back = unpack("step_failed", pack(fact))
    assert isinstance(back, StepFailed)
    error = from_failure(back.error)
    assert isinstance(error, ExceptionGroup)
    assert [repr(part) for part in error.exceptions] == ["KeyError('a')", "ValueError({'b'})"]


def test_a_failure_without_state_comes_back() -> None:
    error = ValueError()
    error.__dict__["\ud800"] = 1
    fact = StepFailed(attempt=1, error=to_failure(error))
    assert unpack("step_failed", pack(fact)) == fact


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert unpack("run_started", b'{"weather":"fine"}') == RunStarted()


@pytest.mark.parametrize("type_", FACTS)
def test_every_type_refuses_another_payload(type_: str) -> None:
    with pytest.raises(DecodeError):
        unpack(type_, b'{"attempt":"x","deployment":1,"reason":1,"sentence":1,"failure_seq":"x","due_ms":"x","name":1,'
                      b'"run_id":1,"changes":1,"workflow":1,"error":1,"result"')  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "payload", "sentence"),
    [
        (
            "run_dreamt",
            b"{}",
            "run_dreamt can't be read back: no such type of event is known here: a newer perdure wrote it, so upgrade "
            "this one",
        ),
        (
            "run_started",
            b"\x02\x02",
            "run_started can't be read back: its first byte is 02: a newer perdure wrote it, so upgrade this one",
        ),
        (
            "run_started",
            b"\x01\x042026" + bytes(30),
            "run_started can't be read back: it is sealed with the key '2026', which this process doesn't have: "
            "give it in configure(keys=…) or PERDURE_KEYS",
        ),
        ("run_started", b"", "run_started can't be read back: it is empty: the log is damaged"),
        (
            "step_started",
            b'{"attempt":"one"}',
            "step_started can't be read back: the log is damaged (Expected `int`, got `str` - at `$.attempt`)",
        ),
        ("run_started", b"{", "run_started can't be read back: the log is damaged (Input data was truncated)"),
    ],
)
def test_what_cannot_be_read(type_: str, payload: bytes, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        unpack(type_, payload)
    assert str(caught.value) == sentence


def test_a_large_fact_is_compressed_and_a_small_one_is_not() -> None:
    large = RunCompleted(result=Raw(b'"' + b"x" * 2000 + b'"'))
    assert pack(large).startswith(COMPRESSED)
    assert len(pack(large)) < 100
    assert unpack("run_completed", pack(large)) == large
    assert fact_json(large) == b'{"result":"' + b"x" * 2000 + b'"}'
    assert pack(RunCompleted(result=Raw(b"1"))) == b'{"result":1}'


def test_a_text_that_is_no_utf8() -> None:
    with pytest.raises(EncodeError) as caught:
        pack(RunCancelled(reason="\ud800"))
    assert str(caught.value) == (
        "run_cancelled can't be recorded: a text in it holds half of a surrogate pair: leave that character out"
    )
