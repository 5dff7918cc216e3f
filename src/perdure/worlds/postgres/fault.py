"""What the errors of the server and of the driver mean to a caller. No password gets into a message: none is in theirs."""

from collections.abc import Generator
from contextlib import contextmanager

from asyncpg import exceptions as pg  # pyright: ignore[reportMissingTypeStubs]

from perdure.errors import WorldError, WorldFull, WorldInvalid, WorldUnavailable
from perdure.worlds.postgres.location import Location

ServerError = pg.PostgresError
"""The server has answered, with a refusal."""

Gone = pg.InterfaceError
"""The driver refuses to go on: the connection has been closed, or taken away."""

Forgotten = pg.InvalidSQLStatementNameError
"""The session doesn't know the statement's name."""

THERE_ALREADY = (pg.DuplicateTableError, pg.DuplicateObjectError, pg.DuplicateFunctionError)
"""A migration meets somebody else's tables."""

TRY_AGAIN = (pg.SerializationError, pg.DeadlockDetectedError, pg.LockNotAvailableError)
"""The server has undone all of it, and it may go through at another try."""

_RACES = frozenset(("hooks_open", "runs_by_key", "runs_pkey"))
"""Who lost a race for one of these looks again, and finds the winner."""

_OF_ITS_END = (
    pg.PostgresConnectionError,
    pg.OperatorInterventionError,  # it shuts down, it has crashed, it starts, it cancelled the statement
    pg.PostgresSystemError,  # an I/O error
    pg.InternalServerError,
)
_OF_THE_SERVER = (
    *_OF_ITS_END,
    pg.InsufficientResourcesError,  # too many connections, out of memory
    pg.ReadOnlySQLTransactionError,  # it has become a standby
    pg.InvalidAuthorizationSpecificationError,
    pg.InsufficientPrivilegeError,
    pg.InvalidCatalogNameError,
    pg.InvalidSchemaNameError,
    pg.UndefinedTableError,  # somebody has dropped the schema
    pg.UndefinedFunctionError,
    pg.TransactionIntegrityConstraintViolationError,
    *TRY_AGAIN,
)
_OF_THE_WIRE = (OSError, TimeoutError, pg.InterfaceError, pg.InternalClientError, EOFError)


_OF_A_POOLER = {
    "query_wait_timeout": "the pooler had no connection left: raise its pool size, or give `&connections=` a smaller number",
    "no more connections allowed": "the pooler takes no more clients: raise its max_client_conn, or run fewer processes",
    "statement pooling mode": "the pooler is in statement mode: set pool_mode to transaction or session, or go around it",
}
"""What to do, by what PgBouncer says: it has no codes of its own."""


def goes_again(error: Exception) -> bool:
    """Whether nothing was written, and another try makes sense."""
    return isinstance(error, TRY_AGAIN) or (
        isinstance(error, pg.UniqueViolationError) and getattr(error, "constraint_name", None) in _RACES
    )


def to_world_error(error: Exception, location: Location) -> Exception:
    """What a caller is told. What comes back as it is was the fault of what was asked, and wrote nothing."""
    told: Exception
    if isinstance(error, WorldError):
        return error
    if isinstance(error, pg.DiskFullError):
        told = WorldFull(location.shown)
    elif isinstance(error, TimeoutError):
        told = WorldUnavailable(f"{location.shown} has not answered within {location.command_s:g} s")
    elif isinstance(error, pg.DataError) or (
        isinstance(error, pg.InterfaceError) and isinstance(error, ValueError | TypeError)
    ):
        return error  # the driver can't put an argument into words: nothing was sent
    elif isinstance(error, _OF_THE_SERVER + _OF_THE_WIRE):
        told = WorldUnavailable(f"{location.shown}: {_sentence(error)}")
    else:
        return error
    told.__cause__ = error
    return told


def is_lost(error: Exception) -> bool:
    """Whether the connection or the server was lost with it, so that what was on its way may have happened or not."""
    return isinstance(error, _OF_THE_WIRE + _OF_ITS_END) and not isinstance(error, pg.QueryCanceledError)


@contextmanager
def opening(location: Location) -> Generator[None]:
    """Around what connects and looks at the schema: here the URL or the database may be at fault, not the moment."""
    url = location.shown
    try:
        yield
    except pg.InvalidCatalogNameError as error:
        raise WorldInvalid(url, f"{_sentence(error)}: create it (createdb), or check the URL") from error
    except pg.InvalidAuthorizationSpecificationError as error:  # InvalidPasswordError is one of these
        raise WorldInvalid(url, f"the server refuses the user: {_sentence(error)}; check user and password") from error
    except pg.InsufficientPrivilegeError as error:
        reason = f"the user lacks a grant ({_sentence(error)}): see docs/how-to/postgresql.md for those it needs"
        raise WorldInvalid(url, reason) from error
    except pg.TooManyConnectionsError as error:
        reason = f"{url}: {_sentence(error)}; raise max_connections, or give `&connections=` a smaller number"
        raise WorldUnavailable(reason) from error
    except TimeoutError as error:
        raise WorldUnavailable(f"{url} has not answered within {location.connect_s:g} s") from error
    except pg.ClientConfigurationError as error:
        raise WorldInvalid(url, f"the driver can't use it: {_sentence(error)}") from error
    except OverflowError as error:
        raise WorldInvalid(url, f"the driver can't use it: {_sentence(error)}") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and location.has_certificates:
            raise WorldInvalid(
                url, f"a file that it names isn't there ({_sentence(error)}): check its paths"
            ) from error
        reason = f"no connection to {url} ({_sentence(error)}): check host and port, and that the server runs"
        raise WorldUnavailable(reason) from error
    except Exception as error:
        raise to_world_error(error, location) from error


def _sentence(error: Exception) -> str:
    """One line of it, and what to do about a pooler."""
    said = " ".join(str(error).split()) or type(error).__name__
    return next((f"{said}: {advice}" for of, advice in _OF_A_POOLER.items() if of in said), said)
