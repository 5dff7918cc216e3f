"""The runs that a world has of the workflows: one of each kind that people should have looked at, read as they would."""

from collections.abc import Sequence
from typing import NamedTuple

from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.errors import PerdureError, WorldError
from perdure.inspector.run import RunDetail, detail_of
from perdure.world.query import RunFilter

RUNS_MAX = 500
"""So many runs of each workflow are looked at, the newest first."""


class Seen(NamedTuple):
    """A run, and what the inspector shows of it."""

    run_id: str
    text: str


class Store(NamedTuple):
    """`local`: the world is in a file or in memory. None: there is no such run among those looked at."""

    url: str
    runs: int
    completed: Seen | None = None
    failed: Seen | None = None
    retried: Seen | None = None
    waiting: Seen | None = None
    streaming: Seen | None = None

    @property
    def local(self) -> bool:
        return not self.url.startswith(("postgres:", "postgresql:"))


async def read_store(engine: Engine, url: str, workflows: Sequence[str]) -> Store:
    """Raises: WorldError."""
    store = Store(url.partition("://")[0] + "://", 0)
    for workflow in workflows:
        left = RUNS_MAX
        async for record in walk_runs(engine.world, RunFilter(workflow=workflow)):
            if not left:
                break
            left -= 1
            store = store._replace(runs=store.runs + 1)
            if None in (store.completed, store.failed, store.retried, store.waiting, store.streaming):
                try:
                    store = _with(store, await detail_of(engine, record, with_data=False))
                except WorldError:
                    raise
                except PerdureError:  # removed meanwhile, or it can't be read here: no evidence
                    continue
    return store


def _with(store: Store, run: RunDetail) -> Store:
    """The store's runs, with this one where it is the first of its kind."""
    info = run.view.info
    spans = () if run.timeline is None else run.timeline.items
    steps = [span for span in spans if span.kind == "step"]
    retried = next((step for step in steps if len(step.attempts) > 1), None)
    waiting = next((hook for hook in run.hooks if hook.info.status == "waiting"), None)
    stream = next((stream for stream in run.streams if stream.tail_index >= 0), None)
    seen = {
        "completed": info.status == "completed" and f"completed, with {len(steps)} steps",
        "failed": info.status == "failed" and f"failed: {run.view.detail}",
        "retried": retried and f"step {retried.name} took {len(retried.attempts)} attempts",
        "waiting": info.status == "running"
        and waiting
        and f"waits for a {'webhook' if waiting.info.webhook else 'hook'}",
        "streaming": stream and f"its stream has {stream.tail_index + 1} chunks",
    }
    return store._replace(
        **{kind: Seen(info.run_id, str(text)) for kind, text in seen.items() if text and getattr(store, kind) is None}
    )
