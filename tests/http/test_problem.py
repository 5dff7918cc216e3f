"""Problem documents, and the table from exceptions to statuses."""

from http import HTTPStatus

import msgspec
import pytest

from perdure import (
    ArgumentsInvalid,
    DecodeError,
    EncodeError,
    HookNotFound,
    PayloadInvalid,
    RunNotFound,
    StartConflict,
    UsageError,
    WorldUnavailable,
)
from perdure.errors import PayloadConflict, WorkflowNotRegistered, WorldFull
from perdure.http.problem import Problem, problem_of
from perdure.inspector.reference import StepNotFound


def test_a_problem_is_a_document() -> None:
    response = Problem(422, "no", kind="payload-invalid", path="payload.approved", headers={"x-a": "b"}).response()
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.headers["cache-control"], response.headers["x-a"]) == ("no-store", "b")
    assert msgspec.json.decode(response.body) == {
        "type": "urn:perdure:payload-invalid",
        "title": HTTPStatus(422).phrase,  # newer Pythons say it as RFC 9110 does
        "status": 422,
        "detail": "no",
        "path": "payload.approved",
    }


def test_a_problem_that_its_status_tells_of_is_about_nothing_else() -> None:
    assert msgspec.json.decode(Problem(405).response().body) == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": "",
    }


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (RunNotFound("wrun_secret"), 404, "there is no such run"),
        (HookNotFound("secret"), 404, ""),
        (StepNotFound("step_secret", "this world"), 404, "there is no such step"),
        (WorkflowNotRegistered("secret"), 404, "no workflow has this name"),
        (
            StartConflict("wrun_secret", "of another workflow, secret"),
            409,
            "the Idempotency-Key was used with other arguments or another workflow",
        ),
        (PayloadConflict("secret"), 409, "the Idempotency-Key was used with another payload"),
        (ArgumentsInvalid("app:f", "no a"), 422, "the arguments don't fit app:f: no a"),
        (EncodeError("a.b", "too deep"), 422, "a.b can't be recorded: too deep"),
        (UsageError("not so"), 400, "not so"),
        (WorldFull("/secret"), 507, "the place where runs are kept is full"),
        (WorldUnavailable("host secret"), 503, "the place where runs are kept can't be reached"),
    ],
)
def test_each_error_has_a_status(error: Exception, status: int, detail: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.detail) == (status, detail)
    assert b"secret" not in problem.response().body


def test_a_misfit_says_where() -> None:
    problem = problem_of(PayloadInvalid("payload.approved", "no"))
    assert problem is not None
    assert (problem.status, problem.path) == (422, "payload.approved")


def test_of_what_was_recorded_no_path_is_told() -> None:
    problem = problem_of(DecodeError("result.secret", "no"))
    assert problem is None or problem.path is None


def test_ours_is_in_no_table() -> None:
    assert problem_of(KeyError("x")) is None
