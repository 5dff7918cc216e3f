"""`simulate` and `@survives`: a workflow in every case, and the shortest program of faults that breaks it."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from random import Random
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

from perdure.api.workflow import Workflow
from perdure.errors import UsageError
from perdure.testing.survival.failure import Broken
from perdure.testing.survival.faults import SIDES, Dealt, Weather
from perdure.testing.survival.rehearsal import rehearse
from perdure.testing.survival.scene import Outcome, Scene, Steps
from perdure.testing.survival.silence import silence_of_the_dead

P = ParamSpec("P")
T = TypeVar("T")
Crashes = Literal["every"] | int | None
HEAL_MS = (1500, 6000)
SHRINKS_MAX = 200

Wrong = tuple[str, str]
"""What was expected, and what was found."""
Program = dict[int, str]
"""Fates by number of call."""


class Shortened(NamedTuple):
    """A program that fails; its calls in words, and what it came to."""

    program: Program
    told: dict[int, str]
    wrong: Wrong


@dataclass(frozen=True, kw_only=True)
class Survived:
    """What was tried: how many simulations, of them with a crash at one point; `ran_twice`: steps whose bodies began more
    often than in an unharmed run, with the most that was seen. `outcome`: the unharmed run's."""

    simulations: int
    crashes: int
    outcome: Outcome
    ran_twice: Mapping[str, int]

    def __str__(self) -> str:
        twice = ", ".join(f"{step} ({times})" for step, times in sorted(self.ran_twice.items())) or "none"
        return (
            f"{self.simulations} simulations, {self.crashes} of them with a crash at one point, all came to "
            f"{self.outcome.end}; steps that ran more than once for one call: {twice}"
        )


def simulate(
    workflow: Workflow[..., Any],
    *args: Any,
    steps: Steps | None = None,
    payloads: Mapping[str, Any] | None = None,
    crashes: Crashes = "every",
    seeds: int = 50,
    check: Callable[[Outcome], object] | None = None,
    only: str | None = None,
) -> Survived:
    """Run a workflow where everything goes wrong that can, in virtual time, and see that it always comes to the same.

    Once unharmed; with the worker killed before and after each append, and each effect, in turn, once with quick steps and
    once with slow ones; with every step's body run twice; and in a storm for each seed: two workers, killed, frozen past
    their lease and cut off from the store, step durations and the order of what is ready shuffled, payloads late, doubled
    and out of order, clocks off. It blocks; in a running loop it has a thread of its own.

    * `steps`: what stands in for steps, by step, or a function of an `Effects` that makes it anew for each simulation; the
      others run as they are, in virtual time, without a network.
    * `payloads`: for hooks, by pattern of token: a value, a function of the HookInfo, or a list that comes one after the
      other; for webhooks WebhookRequests, which count as signed. In a storm some come twice, as after a lost answer.
    * `crashes`: "every" point, every n-th, or None. `seeds`: how many storms.
    * `check`: called with each Outcome, in place of comparing ends and effects; its AssertionError is what was found.
    * `only`: the case that a Broken has named: "unharmed", "twice", "crash:12:before", "slow-crash:12:after", "seed:7".

    Raises: Broken; UsageError, ArgumentsInvalid, PayloadInvalid and EncodeError for what was given, and whatever a function
    in `payloads` raises.
    """
    if not isinstance(workflow, Workflow):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UsageError(f"{workflow!r} is no workflow: give a function that @workflow decorates")
    scene = Scene(workflow=workflow, arguments=args, steps=steps or {}, payloads=payloads or {}, check=check)
    every = _every(crashes)
    return _beside_the_loop(lambda: _tried(scene, every, seeds, only))


def survives(**options: Any) -> Callable[[Callable[P, Any]], Callable[P, None]]:
    """For a test that returns a workflow, or a tuple of it and its arguments: `simulate` is called with them, and with these
    options."""

    def decorate(test: Callable[P, Any]) -> Callable[P, None]:
        @wraps(test)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            given = test(*args, **kwargs)
            workflow, *arguments = given if isinstance(given, tuple) else (given,)  # pyright: ignore
            simulate(workflow, *arguments, **options)  # pyright: ignore[reportUnknownArgumentType]

        return run

    return decorate


class Trial:
    """All cases of one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._unharmed, self._calm = rehearse(scene, Weather(program={}))
        self._most: dict[str, int] = {}
        self._count = self._crashes = 0

    def all(self, every: int, seeds: int, only: str | None) -> Survived:
        """Raises: Broken, UsageError."""
        self._hold("unharmed", Weather(program={}), self._unharmed, self._calm)
        cases = [*self._cases(every, seeds)] if only is None else [self._named(only)]
        for case, weather in cases:
            outcome, dealt = rehearse(self._scene, weather)
            self._count += 1
            self._crashes += weather.workers == 1 and bool(weather.program)
            for step, times in outcome.ran.items():
                if times > self._unharmed.ran.get(step, 0):
                    self._most[step] = max(times, self._most.get(step, 0))
            self._hold(case, weather, outcome, dealt)
        return Survived(
            simulations=self._count + 1, crashes=self._crashes, outcome=self._unharmed, ran_twice=dict(self._most)
        )

    def _cases(self, every: int, seeds: int) -> Iterator[tuple[str, Weather]]:
        if every:
            slowed = rehearse(self._scene, Weather(program={}, slow=True))[1]
            for slow, dealt in ((False, self._calm), (True, slowed)):
                for point in dealt.points[::every]:
                    for side in SIDES:
                        yield _crash(point, side, slow)
        yield "twice", Weather(program={}, twice=True)
        for seed in range(1, seeds + 1):
            yield f"seed:{seed}", _storm(seed)

    def _named(self, case: str) -> tuple[str, Weather]:
        """Raises: UsageError."""
        kind, _, which = case.partition(":")
        number, _, side = which.partition(":")
        if case == "unharmed":
            return case, Weather(program={})
        if case == "twice":
            return case, Weather(program={}, twice=True)
        if kind == "seed" and number.isdecimal():
            return case, _storm(int(number))
        if kind in ("crash", "slow-crash") and number.isdecimal() and f"kill {side}" in SIDES:
            return _crash(int(number), f"kill {side}", kind == "slow-crash")
        raise UsageError(
            f"only={case!r} is no case: give one that a Broken has named, as 'seed:7' or 'crash:12:before'"
        )

    def _hold(self, case: str, weather: Weather, outcome: Outcome, dealt: Dealt) -> None:
        """Raises: Broken."""
        wrong = self._wrong(outcome)
        if wrong is None:
            return
        program, told, (expected, found) = self._shortest(weather, dict(dealt.dealt), dealt, wrong)
        faults = [told[number] for number in sorted(program) if number in told]
        faults += dealt.doubled
        if weather.twice:
            faults.append("every step's body ran twice, as after a lost acknowledgement")
        raise Broken(self._scene.name, case, expected, found, faults)

    def _wrong(self, outcome: Outcome) -> Wrong | None:
        """What was expected, and what was found, where these differ."""
        if outcome.lost:
            return "every payload that was accepted in the log", f"{outcome.lost} that the run never had"
        if self._scene.check is not None:
            try:
                self._scene.check(outcome)
            except AssertionError as error:
                return "what check says", f"{outcome.end}, and {error or 'its assertion failed'}"
            return None
        if outcome.end.startswith(NO_ENDS):
            return "an end" if self._unharmed.end.startswith(NO_ENDS) else self._unharmed.end, outcome.end
        if outcome.end != self._unharmed.end:
            return self._unharmed.end, outcome.end
        if outcome.effects != self._unharmed.effects:
            names = sorted(outcome.effects.keys() | self._unharmed.effects.keys())
            off = [name for name in names if outcome.effects.get(name, 0) != self._unharmed.effects.get(name, 0)]
            return _counted(self._unharmed.effects, off), _counted(outcome.effects, off)
        return None

    def _shortest(self, weather: Weather, program: Program, dealt: Dealt, wrong: Wrong) -> Shortened:
        """A program of faults from which none can be left out, in words; the first one where it isn't had again.

        A fault less moves the calls after it, so that those that are left hit others. So a death alone is tried first, at
        every point at which there is something to lose.
        """
        tries = Tries(self._scene, self._wrong, weather)
        if len(program) > 1:
            _, calm = rehearse(self._scene, replace(weather, program={}))
            for alone in ({}, *({point: side} for point in calm.points for side in SIDES)):
                if (shortened := tries.fails(alone)) is not None:
                    return shortened
        best, size = Shortened(program, dealt.told, wrong), len(program)
        while size and best.program:
            calls = sorted(best.program)
            shorter = (
                {call: best.program[call] for call in calls[:first] + calls[first + size :]}
                for first in range(0, len(calls), size)
            )
            found = next((it for it in map(tries.fails, shorter) if it is not None), None)
            if found is None:
                size //= 2
            else:
                best = found
        return best


class Tries:
    """Programs that are tried in the same weather, at most `SHRINKS_MAX`."""

    def __init__(self, scene: Scene, wrong: Callable[[Outcome], Wrong | None], weather: Weather) -> None:
        self._scene, self._wrong, self._weather, self._count = scene, wrong, weather, 0

    def fails(self, program: Program) -> Shortened | None:
        """What it comes to, where that is wrong; None too where enough was tried."""
        if self._count >= SHRINKS_MAX:
            return None
        self._count += 1
        outcome, dealt = rehearse(self._scene, replace(self._weather, program=program))
        wrong = self._wrong(outcome)
        return None if wrong is None else Shortened(program, dealt.told, wrong)


NO_ENDS = ("a run that stands still", "that it is blocked")


def _crash(point: int, side: str, slow: bool) -> tuple[str, Weather]:
    kind = "slow-crash" if slow else "crash"
    return f"{kind}:{point}:{side.split()[1]}", Weather(program={point: side}, slow=slow)


def _storm(seed: int) -> Weather:
    heal_ms = Random(f"storm {seed}").randrange(*HEAL_MS)
    return Weather(seed=seed, heal_ms=heal_ms, workers=2, windy=True)


def _tried(scene: Scene, every: int, seeds: int, only: str | None) -> Survived:
    with silence_of_the_dead():
        return Trial(scene).all(every, seeds, only)


def _every(crashes: Crashes) -> int:
    """Raises: UsageError."""
    if crashes is None:
        return 0
    if crashes == "every":
        return 1
    if not isinstance(crashes, int) or isinstance(crashes, bool) or crashes < 1:  # pyright: ignore
        raise UsageError(f"crashes={crashes!r}: give 'every', a number n for every n-th, or None")
    return crashes


def _counted(effects: Mapping[str, int], names: list[str]) -> str:
    return ", ".join(f"{name} {effects.get(name, 0)} times" for name in names)


def _beside_the_loop(call: Callable[[], T]) -> T:
    """In a thread of its own where a loop runs in this one: a simulation has loops of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return call()
    came: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            came.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="perdure-simulation")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return came[0]
