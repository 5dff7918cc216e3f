"""Where a scenario takes place: a store of its own with a witness in it, a ledger beside it, a fleet that is to come."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from perdure.api.connect import upgrade_at, world_at
from perdure.testing.history import postgres, sqlite
from perdure.testing.history.witness import Witnessed
from perdure.world import World
from perdure.worlds.postgres.location import Location, location_of
from tests.faults.real.fleet import Fleet
from tests.faults.real.proxy import Proxy, proxy
from tests.worlds.postgres.server import url_of

CRASHED_S = 30.0


@dataclass(kw_only=True)
class Server:
    """A PostgreSQL that a scenario may crash."""

    uri: str
    restart: Callable[[], None]


@dataclass(kw_only=True)
class Arena:
    """`url`: of the World, for workers and clients; `direct`: for those who look beside it. `counts`: what trouble did.

    `disk`: a file system of its own, on which the store is.
    """

    folder: Path
    url: str
    direct: str
    lease_ms: int
    counts: Counter[str]
    server: Server | None = None
    proxy: Proxy | None = None
    disk: Path | None = None
    restarts: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    fleet: Fleet = field(init=False)

    @property
    def location(self) -> Location:
        return location_of(self.direct)

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def log(self) -> Path:
        """Of all workers."""
        return self.folder / "workers.log"

    async def restart(self) -> None:
        """The server crashes, and comes back."""
        assert self.server is not None, "there is no server to crash"
        self.counts["crashes"] += 1
        await asyncio.to_thread(self.server.restart)

    async def witnessed(self) -> Witnessed:
        if self.server is None:
            return sqlite.read(self.direct)
        return await postgres.read(self.direct)


@asynccontextmanager
async def arena_on_postgres(
    folder: Path, server: Server, lease_ms: int, parameters: dict[str, Any]
) -> AsyncGenerator[Arena]:
    """A schema of its own, behind a proxy."""
    schema = f"chaos_{uuid4().hex[:12]}"
    direct, counts = url_of(server.uri, schema), Counter[str]()
    await asyncio.to_thread(upgrade_at, direct)
    await postgres.install(direct)
    async with proxy(url_of(server.uri, schema, **parameters), counts) as (url, cutter):
        yield Arena(
            folder=folder, url=url, direct=direct, lease_ms=lease_ms, counts=counts, server=server, proxy=cutter
        )
    async with postgres.database(direct) as connection:
        await connection.execute(f'SET client_min_messages = error; DROP SCHEMA "{schema}" CASCADE')


@asynccontextmanager
async def arena_on_sqlite(folder: Path, lease_ms: int, disk: Path | None) -> AsyncGenerator[Arena]:
    """A file of its own."""
    url = f"sqlite:///{(disk or folder) / 'runs.db'}"
    await _open_and_close(world_at(url))
    sqlite.install(url)
    yield Arena(folder=folder, url=url, direct=url, lease_ms=lease_ms, counts=Counter(), disk=disk)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Any:
    """A file system of this size; None where this user may not mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


async def _open_and_close(world: World) -> None:
    await world.open()
    with suppress(Exception):
        await world.close()
