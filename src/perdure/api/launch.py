"""A start as the engine wants it, and what a taken idempotency key means."""

from perdure.api.options import StartOptions
from perdure.codec.value import same_value
from perdure.engine.deployment import pin_of
from perdure.engine.engine import Engine, NewRun
from perdure.errors import RunNotFound, StartConflict
from perdure.model.duration import moment_ms
from perdure.model.event import RunCreated, StreamEpilogue
from perdure.model.ids import RunId


async def launch(
    engine: Engine,
    workflow: str,
    input: bytes,
    options: StartOptions,
    parent_id: RunId | None = None,
    *,
    epilogues: tuple[StreamEpilogue, ...] = (),
) -> RunId:
    """Start the run, or find the one that has the key. Raises: StartConflict, WorldError."""
    root_id, pin = parent_id, None
    if parent_id is not None:
        parent = await engine.world.read_run(parent_id)
        if parent is not None:
            root_id, pin = parent.root_id or parent_id, parent.pin
    if options.deployment is not None:
        pin = await pin_of(engine.world, options.deployment, workflow)
    new = NewRun(
        workflow=workflow,
        input=input,
        idempotency_key=options.idempotency_key,
        due_ms=None if options.delay is None else moment_ms(options.delay, engine.world.now_ms()),
        attributes=dict(options.attributes),
        parent_id=parent_id,
        root_id=root_id,
        pin=pin,
        epilogues=epilogues,
    )
    while True:
        started = await engine.start(new)
        if started.created:
            return started.run_id
        try:
            await _compare(engine, started.run_id, new)
        except RunNotFound:  # it was old, and was removed meanwhile: its key is free
            continue
        if options.on_conflict == "fail":
            raise StartConflict(started.run_id, "already; on_conflict='return' gives that run instead")
        return started.run_id


async def _compare(engine: Engine, run_id: RunId, new: NewRun) -> None:
    """The key's run must be of the same workflow with the same arguments, always."""
    found, events = await engine.log(run_id)
    created = events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    if found.run.workflow != new.workflow:
        raise StartConflict(run_id, f"of another workflow, {found.run.workflow}: choose another key")
    if not same_value(created.input, new.input):
        raise StartConflict(run_id, "with other arguments: choose another key, or give the same arguments")
