"""What this process can run: workflows and steps by name."""

from perdure.errors import DuplicateName, StepNotRegistered, WorkflowNotRegistered
from perdure.model.definition import Definition, StepDefinition, WorkflowDefinition


class Registry:
    """Definitions by name. A later definition from the same file and qualname replaces the earlier one (reload)."""

    def __init__(self) -> None:
        self._workflows: dict[str, WorkflowDefinition] = {}
        self._steps: dict[str, StepDefinition] = {}
        self._served: frozenset[str] = frozenset()

    def add(self, definition: Definition) -> None:
        """Raises: DuplicateName if another function has the name."""
        known = self._workflows.get(definition.name) or self._steps.get(definition.name)
        if known is not None and not _same_function(known, definition):
            raise DuplicateName(definition.name, known.place, definition.place)
        if isinstance(definition, WorkflowDefinition):
            self._workflows[definition.name] = definition
            self._served = frozenset(self._workflows)
        elif isinstance(definition, StepDefinition):
            self._steps[definition.name] = definition

    @property
    def served(self) -> frozenset[str]:
        """The names of the workflows: the same object until there is another."""
        return self._served

    def workflow(self, name: str) -> WorkflowDefinition:
        """Raises: WorkflowNotRegistered."""
        try:
            return self._workflows[name]
        except KeyError:
            raise WorkflowNotRegistered(name) from None

    def step(self, name: str) -> StepDefinition:
        """Raises: StepNotRegistered."""
        try:
            return self._steps[name]
        except KeyError:
            raise StepNotRegistered(name) from None

    def workflow_names(self) -> tuple[str, ...]:
        return tuple(sorted(self._workflows))

    def steps(self) -> tuple[StepDefinition, ...]:
        return tuple(self._steps.values())

    def workflows(self) -> tuple[WorkflowDefinition, ...]:
        return tuple(self._workflows.values())


def _same_function(one: Definition, other: Definition) -> bool:
    return one.place.rpartition(":")[0] == other.place.rpartition(":")[0] and (
        one.function.__qualname__ == other.function.__qualname__
    )


REGISTRY = Registry()
"""The process's own: `@workflow` and `@step` write to it."""
