"""Programs: what a simulation runs, and what is known of each beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from perdure.api.step import Step
from perdure.api.workflow import Workflow
from perdure.engine.queue import definition_of
from perdure.engine.registry import Registry
from perdure.model.definition import StepDefinition, WorkflowDefinition
from perdure.model.event import QueuedStep
from perdure.model.queue import queue_of

DEATHS_MAX = 1000
QUEUE = "gpu"
"""The queue of the steps that not every worker runs."""

ARGUMENT = "x"
"""What every run is started with."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """A workflow of one text, and how to treat its runs.

    `versions`: from which code version on another function has its name. `steady`: its result doesn't depend on the
    order of events, so it is the same with faults as without. `never`: a text that must not get into its log.
    `cancel`: how likely a client cancels it; 1 where it would never end by itself. `forced`: its cancels have a grace.
    `wakes`: a client wakes it up. `repins`: a client pins it to workers that aren't there, and lets it go again.
    `forks`: a client forks it, and forks of it, and edits what steps came to.
    `retries`: how often a client may retry it in place when it has failed.
    `frail`: it is parked after as many deaths as it says itself. `crashes`: its own step kills its worker, until it is
    parked. `indigestible`: the store takes no completion of it, so it is parked.
    `tokens`: of hooks to which a client sends payloads until the run is over; `{run_id}` in them is the run's.
    `queued`: it has steps for `QUEUE`, and workers may serve that queue alone, or all but that.
    `greedy`: its result has every payload that its hooks got. `streams`: those that clients follow.
    """

    workflow: Workflow[..., object]
    versions: Mapping[int, Workflow[..., object]] = field(default_factory=dict[int, "Workflow[..., object]"])
    steady: bool = True
    never: str = ""
    cancel: float = 0.2
    forced: bool = False
    wakes: bool = False
    repins: bool = False
    forks: bool = False
    retries: int = 0
    frail: bool = False
    crashes: bool = False
    indigestible: bool = False
    tokens: tuple[str, ...] = ()
    queued: bool = False
    greedy: bool = False
    streams: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.workflow.definition.name

    def definition(self, version: int) -> WorkflowDefinition:
        """Its code in this version; each version is another deployment."""
        since = max((known for known in self.versions if known <= version), default=None)
        found = self.workflow if since is None else self.versions[since]
        return _placed(found, version, self.name, found.definition.max_recoveries if self.frail else DEATHS_MAX)


@dataclass(frozen=True, kw_only=True, eq=False)
class Suite:
    """Programs, with the workflows that only they start, and every step that they use."""

    programs: tuple[Program, ...]
    children: tuple[Workflow[..., object], ...]
    steps: tuple[Step[..., object], ...]

    def registry(self, version: int) -> Registry:
        """What a process of this version can run."""
        registry = Registry()
        for program in self.programs:
            registry.add(program.definition(version))
        for child in self.children:
            registry.add(_placed(child, version, child.definition.name, DEATHS_MAX))
        for step in self.steps:
            registry.add(step.definition)
        return registry

    def codes(self, workflow: str) -> list[WorkflowDefinition]:
        """All the codes that runs of this workflow may have been written by, by version."""
        for program in self.programs:
            if program.name == workflow:
                return [program.definition(version) for version in range(max(program.versions, default=0) + 1)]
        if queue_of(workflow) is not None:
            step = QueuedStep(name=workflow.partition("/")[2], first_at_ms=0, max_recoveries=DEATHS_MAX)
            return [definition_of(step, workflow, self.registry(0))]
        return [child.definition for child in self.children if child.definition.name == workflow]

    def program(self, workflow: str) -> Program | None:
        """The program of that name; None for a workflow that only programs start."""
        return next((program for program in self.programs if program.name == workflow), None)

    def step(self, name: str) -> StepDefinition:
        return next(step.definition for step in self.steps if step.definition.name == name)


def _placed(workflow: Workflow[..., object], version: int, name: str, deaths_max: int) -> WorkflowDefinition:
    """The workflow in one version's deployment. Faults kill at random, so that few runs may be parked for it."""
    return replace(workflow.definition, name=name, place=f"version {version}:1", max_recoveries=deaths_max)
