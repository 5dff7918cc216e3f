"""Each error's exit code, and the sentences of those that are the command line's own."""

import pytest

from perdure.cli.failure import AddressUnusable, exit_code
from perdure.errors import (
    DefinitionInvalid,
    EncodeError,
    HookNotFound,
    PayloadConflict,
    PayloadInvalid,
    PerdureError,
    RunBlocked,
    RunCancelled,
    RunFailed,
    RunNotFound,
    SchemaTooNew,
    StartConflict,
    UsageError,
    WorldFull,
    WorldInvalid,
    WorldUnavailable,
)
from perdure.inspector.reference import StepNotFound


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RunFailed("wrun_1", "ValueError: no"), 1),
        (RunCancelled("wrun_1", None), 1),
        (RunBlocked("wrun_1", "its code changed"), 1),
        (UsageError("no"), 2),
        (EncodeError("a", "no"), 2),
        (DefinitionInvalid("a", "no"), 2),
        (StartConflict("wrun_1", "already"), 2),
        (PayloadInvalid("payload", "no"), 2),
        (PayloadConflict("key"), 2),
        (RunNotFound("wrun_1"), 3),
        (HookNotFound("token"), 3),
        (StepNotFound("step_1", "this world"), 3),
        (AddressUnusable("localhost", 80, "no"), 4),
        (WorldInvalid("memory://", "no"), 4),
        (WorldUnavailable("no"), 4),
        (WorldFull("/"), 4),
        (SchemaTooNew("sqlite:///x", 2, 1), 4),
    ],
)
def test_exit_codes(error: PerdureError, code: int) -> None:
    assert exit_code(error) == code


def test_a_step_that_isnt_there() -> None:
    assert str(StepNotFound("step_1", "run wrun_1")) == (
        "there is no step step_1 in run wrun_1: check the id and the world's URL"
    )
    assert str(StepNotFound("x", "", malformed=True)) == (
        "'x' is not a step's id: one looks like step_ and 26 letters and digits"
    )


def test_an_address_that_cant_be_had() -> None:
    assert str(AddressUnusable("::1", 80, "Permission denied")) == "::1 port 80 can't be served: Permission denied"
