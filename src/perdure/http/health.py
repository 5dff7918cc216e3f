"""Whether this process can do its work: for load balancers, which need no credentials, and learn nothing else."""

import asyncio

from starlette.responses import Response

from perdure.api.connect import CONNECTION
from perdure.api.plain import plain_json
from perdure.api.records import moment
from perdure.engine.engine import Engine
from perdure.errors import WorldError
from perdure.http.answer import answered
from perdure.http.call import Call
from perdure.http.ending import ending

PATIENCE_S = 2.0


async def show_health(call: Call) -> Response:
    """200, or 503 where the World can't be reached, this process's worker has lost its lease, or the server goes down."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            worker, lease, live = await _worker(await CONNECTION.engine())
        world = "reachable"
    except (WorldError, TimeoutError):
        world, worker, lease, live = "unreachable", None, None, False
    live = live and not ending().is_set()
    status = "stopping" if ending().is_set() else "ok" if live else "failing"
    answer = {"status": status, "world": world, "worker": worker, "leaseUntil": lease}
    return answered(answer, 200 if live else 503)


async def _worker(engine: Engine) -> tuple[str | None, str | None, bool]:
    """This process's worker (None: it has none, and needs none), the end of its lease, and whether all is well."""
    workers = await engine.world.workers()
    if engine.worker is None:
        return None, None, True
    record = next((each for each in workers if each.worker_id == engine.worker.worker_id), None)
    if record is None:
        return "without a lease", None, False
    live = record.leased
    until = plain_json(moment(record.lease_until_ms))
    return ("working" if live else "without a lease"), until, live
