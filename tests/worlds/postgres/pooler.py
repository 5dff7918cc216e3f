"""A real PgBouncer in front of the tests' server: Debian's."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest

Mode = Literal["transaction", "session", "statement"]
PATIENCE_S = 30
PORT = 6432
"""Of a socket in a folder of its own: it collides with nobody's."""

SETTINGS = """
[databases]
postgres = host={host} port=5432 user=postgres
[pgbouncer]
pool_mode = {mode}
unix_socket_dir = {folder}
listen_port = {mine}
auth_type = any
default_pool_size = {size}
max_client_conn = 200
query_wait_timeout = 2
logfile = {folder}/log
"""


@contextmanager
def pooling(server: str, mode: Mode, size: int = 3) -> Iterator[str]:
    """The URL of the server's database through a pooler with so many connections to it. A machine without one skips the
    test; in CI that is a failure."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a pooler: .ci/run installs Debian's pgbouncer")
        pytest.skip("no pgbouncer on this machine: apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="perdure-pooler-") as name:
        folder, socket = Path(name), Path(parse_qs(urlsplit(server).query)["host"][0])
        owner = socket.owner()  # as whom the server runs; root may run neither
        settings = folder / "pgbouncer.ini"
        told = {"host": socket, "mode": mode, "folder": folder, "mine": PORT, "size": size}
        settings.write_text(SETTINGS.format(**told))
        if os.getuid() == 0:
            shutil.chown(folder, owner)
        command = [program, "-q", *(["-u", owner] if os.getuid() == 0 else []), str(settings)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(folder / f".s.PGSQL.{PORT}", process)
                yield f"postgresql://postgres@/postgres?host={folder}&port={PORT}"
            finally:
                process.terminate()


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    """Its log says why it is not there."""
    for _ in range(PATIENCE_S * 100):
        if socket.exists():
            return
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"the pooler doesn't start: {(socket.parent / 'log').read_text()}")
