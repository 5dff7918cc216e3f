"""Restarted, in vain, left alone, unanswered, a service without a name; and one that waits for its owner."""

from typing import Any

from examples.evidence.ending import ended
from examples.incident.plant import Plant, plant
from examples.incident.workflows import Acknowledged, Alert, Remedy, acknowledgements, remedies, respond
from perdure import Run, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    vars(plant).update(vars(Plant(unreachable=1, incurable={"search"})))
    for alert, service in (("a-1", "checkout"), ("a-2", "search"), ("a-3", "")):
        run = await taken(lab, alert, service)
        await lab.advance("1m")
        await remedies.resume(alert, Remedy("restart", "ann"))
        await lab.advance("10m")
        await ended(run)
    await taken(lab, "a-4", "checkout")
    await lab.advance("1h")
    await start(respond, Alert("a-5", "checkout", ["ann", "bob"]))
    await lab.advance("10m")
    await lab.wait_for_hook(await start(respond, Alert("a-6", "checkout", ["ann"])))


async def taken(lab: Lab, alert: str, service: str) -> Run[Any]:
    run = await start(respond, Alert(alert, service, ["ann", "bob"]))
    await lab.wait_for_hook(run)
    await acknowledgements.resume(alert, Acknowledged("ann"))
    return run
