"""Which World this process uses, and its engine on the running event loop.

The only module (beside `perdure.testing`) that names concrete Worlds: a URL in, a World out.
"""

import asyncio
import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Literal, Protocol, TypedDict, Unpack
from weakref import WeakKeyDictionary

from perdure.api.log import level_of
from perdure.api.options import check_keywords
from perdure.codec.keyring import KeyRing, key_ring
from perdure.engine.deployment import deployment_name
from perdure.engine.engine import Engine
from perdure.engine.registry import REGISTRY
from perdure.engine.telemetry import SILENT, Telemetry
from perdure.errors import DurationInvalid, KeysInvalid, TransactionInvalid, UsageError, WorldInvalid
from perdure.model.duration import Duration, duration_ms
from perdure.model.log import NEVER, Level
from perdure.replay.body import Body
from perdure.replay.scope import SCOPE, Attempt, Scope
from perdure.world.schema import SchemaVersion
from perdure.world.world import World

DEFAULT_URL = "sqlite:///.perdure/perdure.db"
VARIABLE = "PERDURE_WORLD"
"""Where runs are kept, as a URL. Without it `sqlite:///.perdure/perdure.db`."""
BASE_VARIABLE = "PERDURE_BASE_URL"
"""What the URLs of webhooks begin with, as `https://shop.example`."""
RETENTION_VARIABLE = "PERDURE_RETENTION"
"""How long runs are kept after their end: a duration, at least a minute. Without it for ever."""
RETENTION_LEAST_MS = 60_000
KEYS_VARIABLE = "PERDURE_KEYS"
"""Keys that payloads are encrypted with, as `name:key,name:key`: the first seals, all open."""
SEALED_ONLY_VARIABLE = "PERDURE_SEALED_ONLY"
"""`1`: what isn't sealed isn't read. Needs `PERDURE_KEYS`."""
LOGS_VARIABLE = "PERDURE_CAPTURE_LOGS"
"""From this level on what steps log is kept, for `perdure logs`: `INFO`, say. Without it nothing is."""
TELEMETRY_VARIABLE = "PERDURE_TELEMETRY"
"""`1`: runs and steps are told to OpenTelemetry."""
Work = Literal["auto", False]
_POSTGRES = frozenset(("postgresql", "postgres"))


def world_at(url: str, *, create: bool = True) -> World:
    """The World that a URL names, not yet opened; without `create`, opening makes none. Raises: WorldInvalid."""
    kind = url.partition(":")[0]
    if kind == "sqlite":
        from perdure.worlds.sqlite.world import SqliteWorld

        return SqliteWorld(url, create=create)
    if kind == "memory":
        from perdure.worlds.memory.world import MemoryWorld

        return MemoryWorld(url)
    if kind in _POSTGRES:
        with _driver_needed(url):
            from perdure.worlds.postgres.world import PostgresWorld
        return PostgresWorld(url, create=create)
    raise WorldInvalid(_shown(url), f"its kind {kind!r} is unknown; use sqlite:///path, postgresql://… or memory://")


def schema_at(url: str) -> SchemaVersion:
    """The schema of the database under a World. Looks only. Raises: WorldInvalid, WorldUnavailable."""
    if url.startswith("sqlite:"):
        from perdure.worlds.sqlite import schema

        return schema.schema_version(url)
    if url.partition(":")[0] in _POSTGRES:
        with _driver_needed(url):
            from perdure.worlds.postgres import schema
        return schema.schema_version(url)
    raise WorldInvalid(_shown(url), "it has no schema; use sqlite:///path or postgresql://…")


def upgrade_at(url: str) -> None:
    """Bring the schema of the database under a World up to date. Raises: WorldError."""
    if url.partition(":")[0] in _POSTGRES:
        with _driver_needed(url):
            from perdure.worlds.postgres import schema
        schema.upgrade(url)
    else:
        asyncio.run(_open_and_close(world_at(url)))  # opening does it


def shown_url(url: str) -> str:
    """The URL without its password. Raises: WorldInvalid, if it names no World."""
    return world_at(url).url


async def _open_and_close(world: World) -> None:
    await world.open()
    await world.close()


@contextmanager
def _driver_needed(url: str) -> Generator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise WorldInvalid(_shown(url), "asyncpg is not installed: `pip install 'perdure[postgres]'`") from error


def _shown(url: str) -> str:
    """For a URL that nobody could read."""
    return re.sub(r"(?<=:)[^/@:]*(?=@)", "***", url)


class Lab(Protocol):
    """What a test puts in the place of the World and of the engines on it: `perdure.testing` has one."""

    @property
    def world(self) -> World: ...

    def engine(self) -> Engine:
        """A new one, for the running loop."""
        ...


class Connection:
    """What `configure` sets, and what follows from it: one World, one engine for each event loop that uses it."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.base_url: str | None = None
        self.deployment: str | None = None
        self.retention: Duration | None = None
        self.keys: KeyRing | None = None
        self.capture_logs: bool | Level | None = None
        self.telemetry: bool | None = None
        self.work: Work = "auto"
        self.create = True
        self.lab: Lab | None = None
        self.world: World | None = None
        self.engines: dict[asyncio.AbstractEventLoop, tuple[Engine, asyncio.Task[None]]] = {}
        self._opening: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def engine(self, *, work: bool = False) -> Engine:
        """The engine of the running loop; with `work` (and unless configured otherwise) with a worker.

        Raises: UsageError in a workflow's body, which reaches the world only through what it records, and
        (TransactionInvalid) in a transactional step, through its connection.
        """
        scope = SCOPE.get()
        if scope is not None:
            _refuse(scope)
        loop = asyncio.get_running_loop()
        known = self.engines.get(loop) or await self._opened_on(loop)
        engine = known[0]
        if work and engine.worker is None and (self.work == "auto" or self.lab is not None):
            await engine.work(log_level=log_level())
        return engine

    async def _opened_on(self, loop: asyncio.AbstractEventLoop) -> tuple[Engine, asyncio.Task[None]]:
        async with self._opening.setdefault(loop, asyncio.Lock()):
            if loop not in self.engines:
                engine = await self._made()
                self.engines[loop] = (engine, loop.create_task(_until_the_loop_ends(engine), name="perdure"))
            return self.engines[loop]

    async def _made(self) -> Engine:
        if self.lab is not None:
            return self.lab.engine()
        return Engine(
            await self._opened(),
            REGISTRY,
            deployment=self.deployment or "",
            retention_ms=retention_ms(),
            keys=keys(),
            telemetry=telemetry(),
        )

    async def _opened(self) -> World:
        if self.world is not None:
            await self.world.open()  # again, after a fork: it has forsaken what it shared with its parent
        else:
            world = world_at(self.url or os.environ.get(VARIABLE) or DEFAULT_URL, create=self.create)
            await world.open()
            if self.world is None:
                self.world = world
            else:  # another thread's loop was faster
                await world.close()
        return self.world

    async def close(self, grace_s: float) -> None:
        scope = SCOPE.get()
        if isinstance(scope, Body):
            _refuse(scope)
        engines, self.engines = self.engines, {}
        for engine, home in list(engines.values()):
            if home.get_loop() is asyncio.get_running_loop():
                home.cancel()
                await engine.close(grace_s)
                with suppress(asyncio.CancelledError):
                    await home
            else:
                with suppress(RuntimeError):  # that loop has ended
                    home.get_loop().call_soon_threadsafe(home.cancel)
        world, self.world = self.world, None
        if world is not None:
            await world.close()


CONNECTION = Connection()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CONNECTION.engines.clear)


class Settings(TypedDict, total=False):
    """What `configure` takes."""

    world: str | None
    work: Work
    base_url: str | None
    deployment: str | None
    retention: Duration | None
    keys: Mapping[str, str | bytes] | KeyRing | None
    sealed_only: bool
    capture_logs: bool | Level | None
    telemetry: bool | None


def configure(**settings: Unpack[Settings]) -> None:
    """Say where runs are kept, before anything is started.

    What isn't given here, an environment variable says: `PERDURE_WORLD`, `PERDURE_BASE_URL` and so on.

    * `world`: `sqlite:///folder/file.db` (relative), `sqlite:////folder/file.db` (absolute),
      `postgresql://user:password@host:5432/database?schema=name`, or `memory://`, which is a new store each time.
    * `work`: with "auto" the first `start` in a process also starts a worker on the running event loop; it ends with that
      loop, and hands its runs back. False: this process only starts and looks.
    * `base_url`: what the URLs of webhooks begin with, as `https://shop.example`.
    * `deployment`: names this process's code, up to 128 characters, and pins to it the runs that it starts (the variable
      only names it; without either it is a digest of the sources).
    * `retention`: workers remove runs so long after their end, at least a minute; without it they are kept for ever.
    * `keys` that payloads are encrypted with, by name (up to 32 letters, digits, `.`, `_`, `-`): 32 bytes, their 64
      hexadecimal digits, or their base64. The first seals what is written, all open what is read.
    * `sealed_only`: what isn't sealed isn't read.
    * `capture_logs`: from this level on what steps log is kept, for `perdure logs`. A step's own comes first.
    * `telemetry`: runs and steps are told to OpenTelemetry's global providers, as spans and metrics.

    Raises: UsageError while a World is in use (`await close()` first), or where telemetry's package isn't installed;
    WorldInvalid, KeysInvalid.
    """
    check_keywords("configure", settings, Settings)
    if (
        CONNECTION.lab is None
        and CONNECTION.world is not None
        and any(not loop.is_closed() for loop in CONNECTION.engines)
    ):
        raise UsageError("configure was called while a world is in use: `await close()` first")
    world, base_url, deployment = settings.get("world"), settings.get("base_url"), settings.get("deployment")
    retention, capture_logs = settings.get("retention"), settings.get("capture_logs")
    if world is not None:
        world_at(world)
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise UsageError(f"base_url={base_url!r} is no address: it begins with http:// or https://")
    if deployment is not None:
        deployment_name("deployment", deployment)
    if retention is not None:
        _kept_ms("retention", retention)
    if capture_logs is not None:
        _level("", capture_logs)
    ring, telemetry = _ring(settings.get("keys"), settings.get("sealed_only", False)), settings.get("telemetry")
    if telemetry:
        _opentelemetry("telemetry=True")
    CONNECTION.url, CONNECTION.work = world, settings.get("work", "auto")
    CONNECTION.world, CONNECTION.create = None, True
    CONNECTION.keys, CONNECTION.capture_logs, CONNECTION.telemetry = ring, capture_logs, telemetry
    CONNECTION.base_url, CONNECTION.deployment, CONNECTION.retention = base_url, deployment, retention


def _ring(keys: Mapping[str, str | bytes] | KeyRing | None, sealed_only: bool) -> KeyRing | None:
    """Raises: KeysInvalid."""
    if isinstance(keys, KeyRing):
        return keys
    if keys is not None:
        return KeyRing(keys, sealed_only=sealed_only)
    if sealed_only:
        raise KeysInvalid("sealed_only needs some: give keys=… too, or set PERDURE_SEALED_ONLY beside PERDURE_KEYS")
    return None


def base_url() -> str:
    """What the URLs of webhooks begin with, without a slash at its end; empty where nobody said."""
    return (CONNECTION.base_url or os.environ.get(BASE_VARIABLE) or "").rstrip("/")


def retention_ms() -> int:
    """How long runs are kept after their end; 0: for ever. Raises: UsageError."""
    if CONNECTION.retention is not None:
        return _kept_ms("retention", CONNECTION.retention)
    set_outside = os.environ.get(RETENTION_VARIABLE)
    return _kept_ms(RETENTION_VARIABLE, set_outside) if set_outside else 0


def _kept_ms(name: str, retention: Duration) -> int:
    try:
        kept_ms = duration_ms(retention)
    except DurationInvalid as error:
        raise UsageError(f"{name}: {error}") from None
    if kept_ms < RETENTION_LEAST_MS:
        raise UsageError(
            f"{name}={retention!r} is less than a minute: a result is asked for after its run's end, so give more"
        )
    return kept_ms


def keys() -> KeyRing | None:
    """What payloads are sealed with and opened with; None: they stay plain. Raises: KeysInvalid."""
    if CONNECTION.keys is not None:
        return CONNECTION.keys
    text, only = os.environ.get(KEYS_VARIABLE), os.environ.get(SEALED_ONLY_VARIABLE, "")
    if only not in ("", "0", "1"):
        raise KeysInvalid(f"{SEALED_ONLY_VARIABLE} is neither 1 nor 0")
    if not text and only == "1":
        raise KeysInvalid(f"{SEALED_ONLY_VARIABLE} needs {KEYS_VARIABLE}")
    return key_ring(text, sealed_only=only == "1") if text else None


def log_level() -> int:
    """From there on it is kept what steps log, where they don't say so themselves. Raises: UsageError."""
    if CONNECTION.capture_logs is not None:
        return _level("", CONNECTION.capture_logs)
    set_outside = os.environ.get(LOGS_VARIABLE)
    return _level(f"{LOGS_VARIABLE}: ", set_outside) if set_outside else NEVER


def _level(where: str, capture_logs: object) -> int:
    try:
        return level_of(capture_logs)
    except ValueError as error:
        raise UsageError(f"{where}{error}") from None


def telemetry() -> Telemetry:
    """Who hears of what this process does. Raises: UsageError."""
    if CONNECTION.telemetry is not None:
        return _opentelemetry("telemetry=True") if CONNECTION.telemetry else SILENT
    asked = os.environ.get(TELEMETRY_VARIABLE, "")
    if asked not in ("", "0", "1"):
        raise UsageError(f"{TELEMETRY_VARIABLE} is neither 1 nor 0")
    return _opentelemetry(f"{TELEMETRY_VARIABLE}=1") if asked == "1" else SILENT


def _opentelemetry(asked: str) -> Telemetry:
    try:
        from perdure.telemetry.telemetry import of_this_process
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        raise UsageError(
            f"{asked} needs OpenTelemetry, which isn't installed: `pip install 'perdure[otel]'`"
        ) from error
    return of_this_process()


async def close(grace: Duration = 0) -> None:
    """Drain this process's worker (running steps get `grace` to end), close the World; `configure` may follow.

    Raises: DurationInvalid, UsageError in a workflow's body.
    """
    await CONNECTION.close(duration_ms(grace) / 1000)


def _refuse(scope: Scope) -> None:
    """Raises: UsageError in a body; TransactionInvalid in a transaction: what was asked would be no part of it, and might
    wait for what it has locked."""
    if isinstance(scope, Body):
        raise UsageError("this verb was called in a workflow's body: call it in a step")
    if isinstance(scope, Attempt) and scope.in_transaction:
        raise TransactionInvalid(
            scope.step_name,
            "it called a verb that asks the world, and that is no part of the transaction; call it in another step, or "
            "say it in SQL through get_connection()",
        )


async def _until_the_loop_ends(engine: Engine) -> None:
    """Drains the engine when its loop ends: asyncio.run cancels every task, and waits for them."""
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await engine.close()
        CONNECTION.engines.pop(asyncio.get_running_loop(), None)
