"""A stage for the engine: an event loop in virtual time, a World in memory by the same clock, and nothing that sleeps."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from perdure.api.step import Step
from perdure.api.workflow import Workflow
from perdure.codec.arguments import encode_arguments
from perdure.codec.keyring import KeyRing
from perdure.engine.engine import Engine, NewRun
from perdure.engine.entropy import seeded
from perdure.engine.lease import Leasing
from perdure.engine.log import to_events
from perdure.engine.registry import Registry
from perdure.engine.telemetry import SILENT, Telemetry
from perdure.model.event import Event
from perdure.model.ids import RunId
from perdure.testing.simulation.loop import ProcessLoop
from perdure.testing.simulation.universe import Universe
from perdure.world import World
from perdure.worlds.memory.world import MemoryWorld

T = TypeVar("T")
EPOCH_MS = 1_700_000_000_000
PATIENCE_S = 3600


class Stage:
    """`play` runs a coroutine function to its end; time jumps to whatever is due next."""

    def __init__(self, seed: int = 1) -> None:
        self.universe = Universe(seed)
        self.loop = ProcessLoop(self.universe)
        self.world = MemoryWorld(clock=self.now_ms)
        self.engines: list[Engine] = []

    def now_ms(self) -> int:
        return EPOCH_MS + self.universe.now_us // 1000

    @property
    def passed_ms(self) -> int:
        return self.universe.now_us // 1000

    def play(self, scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
        task = self.loop.create_task(scene())
        task.add_done_callback(lambda _: setattr(self.universe, "stopped", True))
        try:
            self.universe.run(PATIENCE_S * 1_000_000)
            assert task.done(), "the scene waits for ever"
            return task.result()
        finally:
            for engine in self.engines:
                for run in list(engine.worker.runs.values()) if engine.worker is not None else []:
                    if run.body is not None:
                        run.body.put_away()
            self.loop.kill()
            self.loop.bury()
            assert not self.loop.reports, self.loop.reports

    def engine(
        self,
        *parts: "Workflow[..., Any] | Step[..., Any]",
        world: World | None = None,
        retention_ms: int = 0,
        keys: KeyRing | None = None,
        deployment: str = "",
        telemetry: Telemetry = SILENT,
    ) -> Engine:
        """An engine of its own on the stage's World (or another), that knows these workflows and steps."""
        entropy, world, registry = seeded(len(self.engines)), world or self.world, registry_of(*parts)
        engine = Engine(
            world,
            registry,
            entropy=entropy,
            leasing=Leasing(own_thread=False),
            retention_ms=retention_ms,
            keys=keys,
            deployment=deployment,
            telemetry=telemetry,
        )
        self.engines.append(engine)
        return engine

    async def working(
        self,
        *parts: "Workflow[..., Any] | Step[..., Any]",
        world: World | None = None,
        keys: KeyRing | None = None,
        deployment: str = "",
        telemetry: Telemetry = SILENT,
    ) -> Engine:
        engine = self.engine(*parts, world=world, keys=keys, deployment=deployment, telemetry=telemetry)
        await engine.work()
        return engine

    async def events(self, run_id: RunId) -> list[Event]:
        log = await self.world.read_log(run_id)
        assert log is not None
        return to_events(log)

    async def types(self, run_id: RunId) -> list[str]:
        return [event.fact.type for event in await self.events(run_id)]

    async def status(self, run_id: RunId) -> str:
        record = await self.world.read_run(run_id)
        assert record is not None
        return record.status


def registry_of(*parts: "Workflow[..., Any] | Step[..., Any]") -> Registry:
    registry = Registry()
    for part in parts:
        registry.add(part.definition)
    return registry


def new(workflow: "Workflow[..., Any]", *args: Any, **more: Any) -> NewRun:
    """What a start of this workflow asks for."""
    definition = workflow.definition
    return NewRun(workflow=definition.name, input=encode_arguments(definition.named(args, {})), **more)
