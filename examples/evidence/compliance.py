"""Answered though a system was down, refused, not verified, overdue, with a system that nobody knows; and one that waits."""

from typing import Any

from examples.compliance.systems import reset, systems
from examples.compliance.workflows import PrivacyRequest, Release, Verified, fulfil, releases, verifications
from examples.evidence.ending import ended
from perdure import Run, start
from perdure.testing import Lab

ANN = "ann@example.org"


async def play(lab: Lab) -> None:
    reset()
    systems["billing"].outages = 1
    for number, release in enumerate(
        (Release(approved=True, by="lena"), Release(approved=False, reason="a lawsuit")), 1
    ):
        run = await verified(lab, f"r-{number}", "crm", "billing")
        await lab.advance("1m")
        await releases.resume(f"r-{number}", release)
        await ended(run)
    await start(fulfil, PrivacyRequest("r-3", ANN, "access", ["crm"]))
    await lab.advance("7d")
    overdue = await verified(lab, "r-4", "crm")
    await lab.advance("30d")
    await ended(overdue)
    await ended(await verified(lab, "r-5", "fax"))
    await verified(lab, "r-6", "support")
    await lab.rest()


async def verified(lab: Lab, request: str, *asked: str) -> Run[Any]:
    run = await start(fulfil, PrivacyRequest(request, ANN, "erasure", [*asked]))
    await lab.wait_for_hook(run)
    await verifications.resume(request, Verified(by=ANN))
    return run
