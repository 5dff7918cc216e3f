"""One simulation: the same for the same weather; time that jumps; what it came to."""

from typing import Any

import pytest

from perdure import PayloadInvalid, UsageError, WebhookRequest, create_hook, create_webhook, race, sleep, step, workflow
from perdure.testing import Effects
from perdure.testing.survival.faults import SIDES, Weather
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


@step(name="rehearsal:work")
async def work(number: int) -> int:
    return number


@step(name="rehearsal:remind")
async def remind() -> None:
    raise NotImplementedError


async def reminded() -> None:
    await sleep("25d")
    await remind()
    await sleep("5d")


@workflow(name="rehearsal:works")
async def works() -> int | None:
    async def all_of_it() -> int:
        return sum([await work(number) for number in range(3)])

    return await race(all_of_it(), reminded())


def test_time_does_not_pass_over_work_that_is_left_by_a_dead_worker() -> None:
    def reminder(effects: Effects) -> dict[Any, Any]:
        return {remind: lambda: effects.note("reminded")}

    given = scene(works, steps=reminder)
    for slow in (False, True):
        _, calm = rehearse(given, Weather(program={}, slow=slow))
        for point in calm.points:
            for side in SIDES:
                outcome, _ = rehearse(given, Weather(program={point: side}, slow=slow))
                assert (outcome.end, outcome.effects) == ("the result 3", {}), (point, side, slow)


@workflow(name="rehearsal:called")
async def called(times: int) -> list[str]:
    async with create_webhook() as webhook:
        return [(await webhook).text() for _ in range(times)]


def test_a_webhook_is_called_and_in_a_storm_some_calls_come_twice() -> None:
    calls = [WebhookRequest(method="POST", url="", body=text) for text in (b"a", b"b")]
    given = scene(called, 2, payloads={"*": calls})
    assert rehearse(given, CALM)[0].end == 'the result ["a","b"]'
    ends = {rehearse(given, Weather(seed=seed, windy=True))[0].end for seed in range(20)}
    assert ends == {'the result ["a","b"]', 'the result ["a","a"]'}
    _, twice = next(
        (outcome, dealt)
        for outcome, dealt in (rehearse(given, Weather(seed=seed, windy=True)) for seed in range(20))
        if outcome.end == 'the result ["a","a"]'
    )
    assert twice.doubled[0].startswith("request 1 came twice to the webhook ")


def test_a_payload_that_cannot_be_sent_is_no_fault_of_the_workflow() -> None:
    with pytest.raises(UsageError, match=r"'hello' can't be sent to the webhook '.*': give a WebhookRequest"):
        rehearse(scene(called, 1, payloads={"*": "hello"}), CALM)
    with pytest.raises(PayloadInvalid):
        rehearse(scene(refund, "o-1", payloads={"lab-approval:*": "yes"}), CALM)
    with pytest.raises(ZeroDivisionError):
        rehearse(scene(refund, "o-1", payloads={"lab-approval:*": lambda hook: 1 // 0}), CALM)
