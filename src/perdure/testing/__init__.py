"""What users and authors of Worlds test with.

    async with perdure.testing.lab() as lab: …
    perdure.testing.simulate(refund, "o-1", …)

Users get `lab`, also as a pytest fixture, and `simulate`; `perdure.testing.conformance` is what every World must pass.
"""

from perdure.testing.kit.blocking import SyncLab, sync_lab
from perdure.testing.kit.crash import Crash
from perdure.testing.kit.failure import LabBusy, LabStuck, NotSurvived
from perdure.testing.kit.lab import Lab, lab
from perdure.testing.kit.spy import Call
from perdure.testing.survival.effects import Effects
from perdure.testing.survival.failure import Broken
from perdure.testing.survival.scene import Outcome
from perdure.testing.survival.survival import Survived, simulate, survives

__all__ = [
    "Broken",
    "Call",
    "Crash",
    "Effects",
    "Lab",
    "LabBusy",
    "LabStuck",
    "NotSurvived",
    "Outcome",
    "Survived",
    "SyncLab",
    "lab",
    "simulate",
    "survives",
    "sync_lab",
]
