"""The tree of errors: what its drawing says, what its sentences say, whose fault each type is."""

import inspect
import re

import pytest

from perdure import errors
from perdure.codec.failure import from_failure, to_failure

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
}


def test_every_class_is_in_the_drawing_and_nothing_else() -> None:
    drawing = (errors.__doc__ or "").partition("\n\n")[2].rpartition("\n\n")[0]
    drawn = {
        name for name in re.findall(r"[A-Z][A-Za-z]+", drawing) if name in CLASSES or name.endswith(("Error", "Run"))
    }
    assert drawn - {"TypeError", "TimeoutError", "ValueError"} == set(CLASSES)


@pytest.mark.parametrize(
    ("name", "parent"),
    [
        ("NotInWorkflow", "UsageError"),
        ("ArgumentsInvalid", "UsageError"),
        ("EncodeError", "UsageError"),
        ("PayloadLocked", "DecodeError"),
        ("KeyMissing", "PayloadLocked"),
        ("KeyWrong", "PayloadLocked"),
        ("NotSealed", "PayloadLocked"),
        ("KeysInvalid", "UsageError"),
        ("StepTimeout", "StepError"),
        ("RemoteError", "StepError"),
        ("RunBlocked", "RunError"),
        ("StartConflict", "RunError"),
        ("WorldFull", "WorldError"),
        ("SchemaTooNew", "WorldError"),
        ("FatalError", "PerdureError"),
        ("RetryableError", "PerdureError"),
    ],
)
def test_whose_fault(name: str, parent: str) -> None:
    assert CLASSES[name].__bases__[0] is CLASSES[parent]


def test_python_s_own_types_catch_what_they_should() -> None:
    assert issubclass(errors.StepTimeout, TimeoutError)
    assert issubclass(errors.ArgumentsInvalid, TypeError)


SENTENCES = {
    errors.NotInStep("heartbeat"): (
        "heartbeat was called outside of a step: call it in the function that @step decorates"
    ),
    errors.DuplicateName("app:charge", "a.py:3", "b.py:7"): (
        "the name 'app:charge' is defined twice: at a.py:3 and at b.py:7; give one of them name=…"
    ),
    errors.KeyMissing("step_completed", "2026-01"): (
        "step_completed can't be read back: it is sealed with the key '2026-01', which this process doesn't have: "
        "give it in configure(keys=…) or PERDURE_KEYS"
    ),
    errors.KeyWrong("step_completed", "2026-01"): (
        "step_completed can't be read back: this process's key '2026-01' doesn't open it: either another key had this "
        "name when it was sealed, or it was changed or moved since"
    ),
    errors.NotSealed("chunk"): (
        "chunk can't be read back: it isn't sealed, and this process has sealed_only: whoever wrote it had no keys, "
        "or had no business here"
    ),
    errors.KeysInvalid("there is none"): "these keys can't be used: there is none",
    errors.StepTimeout("app:charge", 1500): "step app:charge took longer than 1.5 s",
    errors.StepTimeout("app:charge", 30_000, silent=True): "step app:charge sent no heartbeat for 30 s",
    errors.StepInterrupted("app:charge", 2): (
        "attempt 2 of step app:charge was interrupted: its worker ended before the outcome was recorded, "
        "so the outcome is unknown; it is marked at_most_once and is not repeated"
    ),
    errors.TransactionInvalid("app:charge", "it has none; write @step(transaction=True)"): (
        "step app:charge and its transaction don't go together: it has none; write @step(transaction=True)"
    ),
    errors.RunNotFound("nonsense", malformed=True): (
        "'nonsense' is not a run's id: one looks like wrun_ and 26 letters and digits"
    ),
    errors.RunCancelled("wrun_1", None): "run wrun_1 was cancelled",
    errors.RunCancelled("wrun_1", "a duplicate"): "run wrun_1 was cancelled: a duplicate",
    errors.WorldFull("/data"): (
        "the disk under /data is full: nothing more is accepted until space is freed; "
        "everything acknowledged so far is safe"
    ),
    errors.SchemaTooNew("sqlite:///x.db", 9, 1): (
        "sqlite:///x.db has schema version 9, this perdure knows up to 1: upgrade perdure in this process"
    ),
    errors.SchemaMissing("postgresql://h/d?a=b&c=d"): (
        "postgresql://h/d?a=b&c=d has no perdure schema: run `perdure db upgrade --world 'postgresql://h/d?a=b&c=d'`"
    ),
}


@pytest.mark.parametrize("error", SENTENCES, ids=lambda error: type(error).__name__)
def test_the_sentence(error: Exception) -> None:
    assert str(error) == SENTENCES[error]


@pytest.mark.parametrize("error", SENTENCES, ids=lambda error: type(error).__name__)
def test_it_comes_back_as_itself_through_a_log(error: Exception) -> None:
    back = from_failure(to_failure(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
