"""What users and authors of Worlds test with.

    async with perdure.testing.lab() as lab: …

Users get `lab`, also as a pytest fixture; `perdure.testing.conformance` is what every World must pass.
"""

from perdure.testing.kit.blocking import SyncLab, sync_lab
from perdure.testing.kit.crash import Crash
from perdure.testing.kit.failure import LabBusy, LabStuck, NotSurvived
from perdure.testing.kit.lab import Lab, lab
from perdure.testing.kit.spy import Call

__all__ = ["Call", "Crash", "Lab", "LabBusy", "LabStuck", "NotSurvived", "SyncLab", "lab", "sync_lab"]
