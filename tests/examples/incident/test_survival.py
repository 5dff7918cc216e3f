"""The incident where everything goes wrong that can; and with bugs planted, which are found."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from examples.incident.plant import Plant, plant
from examples.incident.workflows import Acknowledged, Alert, Remedy, find_owner, respond, restart
from perdure import get_step_metadata, workflow
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms

ALERT = Alert("a-1", "checkout", ["ann", "bob"])
TAKEN = {"incident-ack:*": Acknowledged("ann")}
RESTARTED = TAKEN | {"incident-remedy:*": Remedy("restart", "ann")}


def plant_anew(**state: Any) -> Callable[[Effects], dict[Any, Any]]:
    def anew(effects: Effects) -> dict[Any, Any]:
        vars(plant).update(vars(Plant(**state)))
        return {}

    return anew


@pytest.mark.parametrize(
    ("payloads", "incurable", "end", "paged", "restarts"),
    [
        (RESTARTED, set[str](), "resolved", ["ann"], 1),
        (RESTARTED, {"checkout"}, "not resolved", ["ann", "bob"], 1),
        (TAKEN, set[str](), "left alone", ["ann"], 0),
        ({}, set[str](), "unanswered", ["ann", "bob"], 0),
    ],
    ids=["restarted", "in vain", "nobody decides", "nobody answers"],
)
def test_nobody_is_paged_twice_and_nothing_restarted_twice(
    payloads: dict[str, Any], incurable: set[str], end: str, paged: list[str], restarts: int
) -> None:
    def records(outcome: Outcome) -> None:
        assert f'"outcome":"{end}"' in outcome.end
        assert [who for who, _ in plant.pages.values()] == paged
        assert len(plant.restarts) == restarts

    steps = plant_anew(unreachable=1, incurable=incurable)
    simulate(respond, ALERT, steps=steps, payloads=payloads, seeds=storms(4), check=records)


def test_a_key_that_is_another_in_each_attempt_is_found() -> None:
    def anew(effects: Effects) -> dict[Any, Any]:
        vars(plant).update(vars(Plant()))
        return {restart: lambda service: plant.restart(service, key=f"attempt {get_step_metadata().attempt}")}

    def records(outcome: Outcome) -> None:
        assert len(plant.restarts) == 1, f"{len(plant.restarts)} restarts"

    with pytest.raises(Broken, match="and 2 restarts"):
        simulate(respond, ALERT, steps=anew, payloads=RESTARTED, check=records)


turns = count()


@workflow(name="incident:takes_turns")
async def takes_turns(alert: Alert) -> str:
    """A bug: who is paged first depends on what this process remembers."""
    rota = alert.rota[:: 1 if next(turns) % 2 else -1]  # perdure: ignore[global-state]
    return await find_owner(replace(alert, rota=rota))


def test_a_body_that_depends_on_its_process_is_found() -> None:
    with pytest.raises(
        Broken, match="the code doesn't fit the log in turn 0: recorded is hook incident-ack:a-1"
    ) as found:
        simulate(takes_turns, ALERT, steps=plant_anew(), payloads={})
    assert len(found.value.faults) <= 1
