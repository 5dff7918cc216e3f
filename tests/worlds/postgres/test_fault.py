"""What the errors of server and driver mean, in words; and which are worth another try."""

import asyncpg
import pytest

from perdure.errors import WorldFull, WorldInvalid, WorldUnavailable
from perdure.worlds.postgres.fault import goes_again, is_lost, opening, to_world_error
from perdure.worlds.postgres.location import location_of

LOCATION = location_of("postgresql://me:secret@h/d")
NAME = "postgresql://me:***@h/d"


@pytest.mark.parametrize(
    ("error", "type_", "sentence"),
    [
        (asyncpg.DiskFullError("no space"), WorldFull, f"the disk under {NAME} is full: "),
        (asyncpg.AdminShutdownError("terminating\nconnection"), WorldUnavailable, f"{NAME}: terminating connection"),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), WorldUnavailable, "closed in the middle"),
        (ConnectionResetError(), WorldUnavailable, "ConnectionResetError"),
        (TimeoutError(), WorldUnavailable, "has not answered within 60 s"),
        (asyncpg.TooManyConnectionsError("sorry"), WorldUnavailable, "sorry"),
        (asyncpg.ReadOnlySQLTransactionError("read-only"), WorldUnavailable, "read-only"),
        (asyncpg.InsufficientPrivilegeError("permission denied"), WorldUnavailable, "permission denied"),
        (asyncpg.UndefinedTableError("no runs"), WorldUnavailable, "no runs"),
        (asyncpg.DeadlockDetectedError("deadlock"), WorldUnavailable, "deadlock"),
    ],
)
def test_errors_of_the_world(error: Exception, type_: type[Exception], sentence: str) -> None:
    told = to_world_error(error, LOCATION)
    assert type(told) is type_
    assert sentence in str(told)
    assert told.__cause__ is error


@pytest.mark.parametrize(
    "error", [asyncpg.UniqueViolationError("twice"), asyncpg.DataError("too long"), ValueError(), WorldFull("x")]
)
def test_errors_of_what_was_asked_stay_as_they_are(error: Exception) -> None:
    assert to_world_error(error, LOCATION) is error


def unique(constraint: str) -> asyncpg.UniqueViolationError:
    error = asyncpg.UniqueViolationError("twice")
    error.constraint_name = constraint
    return error


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (asyncpg.DeadlockDetectedError(""), True),
        (asyncpg.SerializationError(""), True),
        (unique("hooks_open"), True),
        (unique("events_pkey"), False),
        (asyncpg.AdminShutdownError(""), False),
        (ConnectionResetError(), False),
    ],
)
def test_what_goes_again(error: Exception, again: bool) -> None:
    assert goes_again(error) is again


@pytest.mark.parametrize(
    ("error", "type_", "sentence"),
    [
        (asyncpg.InvalidPasswordError("password failed"), WorldInvalid, "check user and password"),
        (asyncpg.InvalidCatalogNameError("no database"), WorldInvalid, "create it (createdb), or check the URL"),
        (asyncpg.InsufficientPrivilegeError("denied"), WorldInvalid, "the user lacks a grant (denied)"),
        (asyncpg.TooManyConnectionsError("sorry"), WorldUnavailable, "raise max_connections"),
        (ConnectionRefusedError("refused"), WorldUnavailable, "check host and port, and that the server runs"),
        (TimeoutError(), WorldUnavailable, "has not answered within 10 s"),
        (asyncpg.ClientConfigurationError("sslmode"), WorldInvalid, "the driver can't use it: sslmode"),
        (asyncpg.CannotConnectNowError("starting up"), WorldUnavailable, "starting up"),
        (OverflowError("port must be 0-65535"), WorldInvalid, "the driver can't use it: port must be 0-65535"),
        (FileNotFoundError(2, "No such file"), WorldUnavailable, "check host and port"),
    ],
)
def test_opening(error: Exception, type_: type[Exception], sentence: str) -> None:
    with pytest.raises(type_) as caught, opening(LOCATION):
        raise error
    assert sentence in str(caught.value)
    assert NAME in str(caught.value)


def test_what_was_lost_is_told_from_what_was_refused() -> None:
    known: list[tuple[Exception, bool]] = [
        (asyncpg.AdminShutdownError("it shuts down"), True),
        (asyncpg.ConnectionDoesNotExistError("gone"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (asyncpg.QueryCanceledError("statement timeout"), False),
        (asyncpg.DeadlockDetectedError("deadlock"), False),
        (asyncpg.SerializationError("again"), False),
        (asyncpg.UniqueViolationError("twice"), False),
        (ValueError(), False),
    ]
    assert [is_lost(error) for error, _ in known] == [expected for _, expected in known]


def test_a_certificate_that_isnt_there() -> None:
    named = location_of("postgresql://me:secret@h/d?sslrootcert=/nowhere")
    with (
        pytest.raises(WorldInvalid, match=r"a file that it names isn't there .*: check its paths") as caught,
        opening(named),
    ):
        raise FileNotFoundError(2, "No such file or directory")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("query_wait_timeout", "raise its pool size, or give `&connections=` a smaller number"),
        ("no more connections allowed (max_client_conn)", "raise its max_client_conn, or run fewer processes"),
        ("transaction blocks not allowed in statement pooling mode", "set pool_mode to transaction or session"),
    ],
)
def test_what_a_pooler_says(said: str, advice: str) -> None:
    told = to_world_error(asyncpg.ConnectionDoesNotExistError(f"connection was closed: {said}"), LOCATION)
    assert isinstance(told, WorldUnavailable)
    assert said in str(told)
    assert advice in str(told)
