"""One simulation: the same for the same weather; time that jumps; what it came to."""

from typing import Any

import pytest

from perdure import create_hook, sleep, workflow
from perdure.testing.survival.faults import Weather
from perdure.testing.survival.rehearsal import rehearse
from perdure.testing.survival.scene import Scene
from tests.testing.kit.refunds import Approval, fails, nap, pay, refund

CALM = Weather(program={})
STORM = Weather(seed=7, heal_ms=4000, workers=2, windy=True)


def scene(workflow: Any, *args: Any, **given: Any) -> Scene:
    return Scene(workflow=workflow, arguments=args, **given)


@workflow(name="rehearsal:waits")
async def waits() -> str:
    async with create_hook(str, token="never") as hook:
        return await hook


@workflow(name="rehearsal:spins")
async def spins() -> None:
    while True:
        await sleep(0)


@pytest.mark.parametrize("weather", [CALM, STORM], ids=["calm", "storm"])
def test_the_same_weather_comes_to_the_same(weather: Weather) -> None:
    given = scene(refund, "o-1", payloads={"lab-approval:*": Approval(True)})
    first, dealt = rehearse(given, weather)
    second, again = rehearse(given, weather)
    assert (first, dealt.dealt, dealt.told) == (second, again.dealt, again.told)
    assert '"outcome":"refunded"' in first.end and first.lost == 0


def test_years_are_jumped_over_and_a_payload_is_there_first() -> None:
    assert rehearse(scene(nap, "3650d"), CALM)[0].end == 'the result "woken"'
    assert '"outcome":"refused"' in rehearse(scene(refund, "o-1"), CALM)[0].end, "nobody answers"


def test_how_it_ends() -> None:
    assert rehearse(scene(fails), CALM)[0].end == "the failure FatalError: no such order"
    assert rehearse(scene(waits), CALM)[0].end.startswith(
        "a run that stands still after 3 events, the last a hook_created"
    )
    assert rehearse(scene(spins), CALM)[0].end.startswith("a run that stands still after ")


def test_a_death_is_told_in_words() -> None:
    _, calm = rehearse(scene(pay, "o-1"), CALM)
    point = calm.points[-1]
    outcome, dealt = rehearse(scene(pay, "o-1"), Weather(program={point: "kill after"}))
    assert outcome.end == 'the result "re-o-1"'
    assert dealt.told[point] == "worker 1, killed after commit of run_completed"
