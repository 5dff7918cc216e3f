"""The request: who asks is verified, each system is a child run of its own, nothing leaves without a lawyer's word."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from examples.compliance.systems import Unavailable, mails, systems
from perdure import (
    FatalError,
    Retry,
    StartOptions,
    define_hook,
    get_step_metadata,
    get_writable,
    race,
    set_attributes,
    sleep,
    start,
    step,
    workflow,
)

Kind = Literal["access", "erasure"]
PATIENT = Retry(max_retries=8, delay="10s", max_delay="1h", retry_on=(Unavailable,))


@dataclass
class PrivacyRequest:
    request_id: str
    person: str
    kind: Kind
    systems: list[str]


@dataclass
class Verified:
    by: str


@dataclass
class Release:
    approved: bool
    by: str = ""
    reason: str = ""


@dataclass
class Answer:
    outcome: Literal["answered", "refused", "not verified", "overdue"]
    records: dict[str, int] = field(default_factory=dict[str, int])
    reason: str = ""


verifications = define_hook(Verified, prefix="privacy-verified")
releases = define_hook(Release, prefix="privacy-release")


@step
async def send_mail(to: str, text: str) -> None:
    mails.setdefault(get_step_metadata().step_id, (to, text))


@step(retry=PATIENT)
async def find_records(system: str, person: str) -> list[str]:
    if system not in systems:
        raise FatalError(f"there is no system {system!r}: the register of systems is out of date")
    return systems[system].find(person)


@step(retry=PATIENT)
async def erase_records(system: str, person: str) -> int:
    return systems[system].erase(person, key=get_step_metadata().step_id)


@workflow
async def collect(system: str, person: str) -> list[str]:
    """One system's part, a run of its own: it may take days, and is looked at by itself."""
    return await find_records(system, person)


@workflow
async def fulfil(request: PrivacyRequest) -> Answer:
    """A week to prove who one is; thirty days for it all, as the law has it."""
    progress = get_writable(str)
    await set_attributes(kind=request.kind)
    async with verifications.create(request.request_id, metadata={"person": request.person}) as verification:
        await send_mail(request.person, f"is it you? answer to {verification.token}")
        if await race(verification, sleep("7d", result=None)) is None:
            return Answer("not verified")
    await progress.write("verified")
    return await race(answered(request), overdue(request))


async def answered(request: PrivacyRequest) -> Answer:
    progress = get_writable(str)
    children = [
        await start(
            collect,
            system,
            request.person,
            options=StartOptions(idempotency_key=f"privacy:{request.request_id}:{system}"),
        )
        for system in request.systems
    ]
    found = dict(zip(request.systems, await asyncio.gather(*(child.result() for child in children)), strict=True))
    await progress.write(f"found in {', '.join(system for system, records in found.items() if records) or 'no system'}")
    async with releases.create(request.request_id, metadata={"kind": request.kind, "found": found}) as release:
        decision = await release
    if not decision.approved:
        await send_mail(request.person, f"refused: {decision.reason}")
        return Answer("refused", reason=decision.reason)
    counts = {system: len(records) for system, records in found.items()}
    if request.kind == "erasure":
        erased = await asyncio.gather(*(erase_records(system, request.person) for system in request.systems))
        counts = dict(zip(request.systems, erased, strict=True))
    await send_mail(request.person, f"{request.kind}: {sum(counts.values())} records")
    await progress.write("answered")
    return Answer("answered", counts)


async def overdue(request: PrivacyRequest) -> Answer:
    """A word five days before the end; at the end somebody has to answer for it."""
    await sleep("25d")
    await send_mail("privacy@example.org", f"{request.request_id} is due in five days")
    await sleep("5d")
    await send_mail("privacy@example.org", f"{request.request_id} is overdue")
    return Answer("overdue")
