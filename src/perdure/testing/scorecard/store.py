"""The runs that a world has of the workflows: one of each kind that people should have looked at, read as they would; and
whether what is recorded fits the names and parameters of today's code."""

from functools import cached_property
from typing import Any, NamedTuple, cast

from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.errors import PerdureError, WorldError
from perdure.inspector.run import RunDetail, detail_of
from perdure.model.status import ENDED
from perdure.replay.linter.bindings import Function
from perdure.testing.scorecard.code import Code, Routine
from perdure.world.query import RunFilter

RUNS_MAX = 500
"""So many runs of each workflow are looked at, the newest first."""


class Seen(NamedTuple):
    """A run, and what the inspector shows of it."""

    run_id: str
    text: str


class Store(NamedTuple):
    """`local`: the world is in a file or in memory. None: there is no such run among those looked at.

    `read`: how many of the runs could be read here, of so many `deployments`. `misfits`: runs whose input today's parameters
    don't take; `gone`: runs under way that have called what today's code doesn't have.
    """

    url: str
    runs: int
    completed: Seen | None = None
    failed: Seen | None = None
    retried: Seen | None = None
    waiting: Seen | None = None
    streaming: Seen | None = None
    read: int = 0
    deployments: frozenset[str] = frozenset()
    misfits: tuple[Seen, ...] = ()
    gone: tuple[Seen, ...] = ()

    @property
    def local(self) -> bool:
        return not self.url.startswith(("postgres:", "postgresql:"))


async def read_store(engine: Engine, url: str, code: Code) -> Store:
    """Raises: WorldError."""
    store, today = Store(url.partition("://")[0] + "://", 0), _Today(code)
    for name, workflow in zip(code.names, code.workflows, strict=True):
        left = RUNS_MAX
        async for record in walk_runs(engine.world, RunFilter(workflow=name)):
            if not left:
                break
            left -= 1
            store = store._replace(runs=store.runs + 1)
            try:
                run = await detail_of(engine, record, with_data=True)
            except WorldError:
                raise
            except PerdureError:  # removed meanwhile, or it can't be read here: no evidence
                continue
            store = today.compared(_with(store, run), run, workflow)
    return store


class _Today:
    """What today's code has, by the names that are recorded."""

    def __init__(self, code: Code) -> None:
        self._code = code

    @cached_property
    def _functions(self) -> set[str]:
        """Those under a name of their own too: their old ones may still be recorded, which `name=` is for."""
        code = self._code
        names = {f"{each.file.module}:{each.qualname}" for each in code.routines}
        return names | {name for kind in ("step", "workflow") for name in code.recorded_names(code.routines, kind)}

    @cached_property
    def _modules(self) -> set[str]:
        return {file.module for file in self._code.files}

    def compared(self, store: Store, run: RunDetail, workflow: Routine) -> Store:
        """The store's runs, with what of this one today's code doesn't fit."""
        info = run.view.info
        if run.timeline is None or info.locked:
            return store
        store = store._replace(read=store.read + 1, deployments=store.deployments | {info.deployment})
        misfit = _misfit(run.view.input, workflow)
        if misfit:
            store = store._replace(misfits=(*store.misfits, Seen(info.run_id, misfit)))
        called = {span.name for span in run.timeline.items if span.kind == "step"}
        for name in sorted(called if info.status not in ENDED else ()):
            module, _, function = name.partition(":")
            if module in self._modules and f"{module}:{function.replace('.<locals>', '')}" not in self._functions:
                store = store._replace(gone=(*store.gone, Seen(info.run_id, f"it has called {name}")))
        return store


def _misfit(given: Any, workflow: Routine) -> str:
    """Why a workflow wouldn't take a recorded input, by the names of its parameters; "": it would."""
    assert isinstance(workflow.node, Function)
    arguments = workflow.node.args
    named = [*arguments.posonlyargs, *arguments.args]
    required = [arg.arg for arg in named[: len(named) - len(arguments.defaults)]]
    required += [
        arg.arg for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default
    ]
    known = {arg.arg for arg in (*named, *arguments.kwonlyargs)}
    if not isinstance(given, dict) or arguments.vararg or arguments.kwarg:
        return ""
    names = cast("dict[str, Any]", given).keys()
    missing, unknown = [name for name in required if name not in names], sorted(names - known)
    told = [f"it was started without {', '.join(missing)}"] if missing else []
    told += [f"it was started with {', '.join(unknown)}"] if unknown else []
    return " and ".join(told)


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
