"""The response: page, escalate, gather evidence, ask, mend, look again."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from examples.incident.plant import plant
from perdure import (
    FatalError,
    RetryableError,
    define_hook,
    get_step_metadata,
    get_writable,
    race,
    set_attributes,
    sleep,
    step,
    workflow,
)


@dataclass
class Alert:
    alert_id: str
    service: str
    rota: list[str]


@dataclass
class Acknowledged:
    by: str


@dataclass
class Remedy:
    action: Literal["restart", "leave it"]
    by: str = ""


@dataclass
class Report:
    outcome: Literal["unanswered", "left alone", "resolved", "not resolved"]
    owner: str = ""
    evidence: list[str] = field(default_factory=list[str])


acknowledgements = define_hook(Acknowledged, prefix="incident-ack")
remedies = define_hook(Remedy, prefix="incident-remedy")


@step
async def page(who: str, alert: Alert) -> None:
    plant.page(who, f"{alert.service} is failing (alert {alert.alert_id})", key=get_step_metadata().step_id)


@step(max_retries=5)
async def read_metrics(service: str) -> str:
    return plant.metrics(service)


@step
async def read_deploys(service: str) -> str:
    return f"last deploy of {service}: 14 minutes before the alert"


@step
async def restart(service: str) -> None:
    if not service:
        raise FatalError("there is no service without a name to restart")
    plant.restart(service, key=get_step_metadata().step_id)


@step(max_retries=3)
async def look_again(service: str) -> None:
    if not plant.is_well(service):
        raise RetryableError(f"{service} still fails", retry_after="1m")


@workflow
async def respond(alert: Alert) -> Report:
    """Five minutes for each on the rota; then an hour for whoever has it to decide, in which silence changes nothing."""
    progress = get_writable(str)
    await set_attributes(service=alert.service)
    owner = await find_owner(alert)
    if not owner:
        await progress.write("nobody answered")
        return Report("unanswered")
    await progress.write(f"{owner} has it")
    evidence = list(await asyncio.gather(read_metrics(alert.service), read_deploys(alert.service)))
    async with remedies.create(alert.alert_id, metadata={"owner": owner, "evidence": evidence}) as asked:
        remedy = await race(asked, sleep("1h", result=Remedy("leave it")))
    if remedy.action == "leave it":
        return Report("left alone", owner, evidence)
    await progress.write(f"{remedy.by} restarts {alert.service}")
    await restart(alert.service)
    try:
        await look_again(alert.service)
    except RetryableError:
        await page(alert.rota[-1], alert)
        return Report("not resolved", owner, evidence)
    return Report("resolved", owner, evidence)


async def find_owner(alert: Alert) -> str:
    """Who has taken it; empty where the rota is at its end."""
    async with acknowledgements.create(alert.alert_id, metadata={"rota": alert.rota}) as acknowledged:
        for who in alert.rota:
            await page(who, alert)
            answer = await race(acknowledged, sleep("5m", result=None))
            if answer is not None:
                return answer.by
    return ""
