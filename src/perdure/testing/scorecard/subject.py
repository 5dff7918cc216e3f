"""What a scorecard is about: everything that its checks may look at."""

from functools import cached_property

from msgspec import Struct

from perdure.replay.linter import Finding
from perdure.testing.scorecard.code import Code, Routine
from perdure.testing.scorecard.effect import Effect, effects_of
from perdure.testing.scorecard.hook import HookUse, hooks_of
from perdure.testing.scorecard.repository import Repository
from perdure.testing.scorecard.route import App, app_of
from perdure.testing.scorecard.store import Store


class Subject(Struct, frozen=True, kw_only=True, dict=True):
    """`store` None: no world was named. `simulated`: what a simulation said, by its name; `broken`: those that failed."""

    code: Code
    repository: Repository
    store: Store | None = None
    simulated: tuple[tuple[str, str], ...] = ()
    broken: tuple[tuple[str, str], ...] = ()

    @cached_property
    def effects(self) -> list[tuple[Routine, list[Effect]]]:
        """The steps, with what they do outside of the run."""
        return [(step, effects_of(self.code, step)) for step in self.code.steps]

    @cached_property
    def outside(self) -> list[tuple[Routine, list[Effect]]]:
        """The steps that reach outside at all."""
        return [(step, effects) for step, effects in self.effects if effects]

    @cached_property
    def unsafe(self) -> list[tuple[Routine, Effect]]:
        """What would be done twice if a step ran twice without a key, by step."""
        return [(step, effect) for step, effects in self.effects for effect in effects if effect.kind == "unsafe"]

    @cached_property
    def findings(self) -> list[Finding]:
        """What the linter says of the workflows."""
        return [finding for file in self.code.files if file.scored for finding in file.source.check()]

    @cached_property
    def hooks(self) -> list[HookUse]:
        return hooks_of(self.code)

    @cached_property
    def app(self) -> App:
        return app_of(self.code)
