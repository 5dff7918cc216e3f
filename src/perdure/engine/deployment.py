"""Which code this process runs, in a few characters, so that a log can tell whose turn it was, and runs can keep to it.

A deployment has a name that its operators gave, or a digest. Runs are pinned to names alone: a digest changes with every
comment, and nobody could bring it back.
"""

import os
import sys
from hashlib import blake2b
from pathlib import Path

from perdure.codec.fact import pack
from perdure.engine.registry import Registry
from perdure.errors import UsageError
from perdure.model.event import RunStarted
from perdure.world.world import World

VARIABLE = "PERDURE_DEPLOYMENT"
"""Names this process's code, up to 128 characters. Without it that is a digest of the sources."""
LATEST = "latest"
"""Whichever deployment the youngest worker has."""

ANY = "any"
"""No deployment in particular."""

NAME_MAX = 128
_DIGEST = "code:"


class Code:
    """This process's. `given`: what its deployment was named; empty: see `deployment_of`."""

    def __init__(self, registry: Registry, given: str = "") -> None:
        self._registry, self._given = registry, given
        self._served: frozenset[str] | None = None
        self._now = "", b""

    def now(self) -> tuple[str, bytes]:
        """Its deployment, and the payload of `run_started` in a run of it; looked up again only when it has come to know
        more workflows. Raises: UsageError."""
        served = self._registry.served
        if served is not self._served:
            deployment = self._given or deployment_of(self._registry)
            self._served, self._now = served, (deployment, pack(RunStarted(deployment=deployment)))
        return self._now


def deployment_of(registry: Registry) -> str:
    """PERDURE_DEPLOYMENT if it is set, else a digest of the source files that define workflows. Raises: UsageError."""
    named = os.environ.get(VARIABLE)
    if named:
        return deployment_name(VARIABLE, named)
    digest = blake2b(digest_size=6)
    for path in sorted({workflow.place.rpartition(":")[0] for workflow in registry.workflows()}):
        try:
            digest.update(Path(path).read_bytes())
        except OSError:
            digest.update(path.encode(errors="surrogatepass"))
    return f"{_DIGEST}{digest.hexdigest()}" if registry.workflows() else f"{_DIGEST}py{sys.version_info.major}"


def deployment_name(what: str, name: object) -> str:
    """The name, if it can be one; `what` says where it was given. Raises: UsageError."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > NAME_MAX:
        raise UsageError(
            f"{what}={name!r} names no deployment: give a text of up to {NAME_MAX} characters, as in '2026-01-31.2'"
        )
    if name in (LATEST, ANY) or name.startswith(_DIGEST):
        raise UsageError(f"{what}={name!r} can't name a deployment: the word has a meaning of its own; choose another")
    return name


async def pin_of(world: World, deployment: str, workflow: str) -> str:
    """What a run of this workflow is pinned to, where this was asked for; empty: to nothing.

    "latest" is the deployment of the youngest live worker that serves the workflow, if it has a name. Raises: UsageError,
    WorldError.
    """
    if deployment == ANY:
        return ""
    if deployment != LATEST:
        return deployment_name("deployment", deployment)
    serving = (worker for worker in await world.workers() if worker.leased and workflow in worker.workflows)
    youngest = max(serving, key=lambda worker: worker.worker_id, default=None)
    return youngest.deployment if youngest is not None and is_named(youngest.deployment) else ""


def is_named(deployment: str) -> bool:
    """Whether its operators named it."""
    return bool(deployment) and not deployment.startswith(_DIGEST)
