"""The port: what the engine asks of a place that keeps runs. Adapters live in `perdure.worlds`."""

from perdure.world.log import Log, NewRow, Row
from perdure.world.mail import Letter
from perdure.world.operation import (
    Append,
    Appended,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Send,
    Sent,
    Start,
    Started,
)
from perdure.world.ownership import Claim, Claimed, Lease, Owned, WorkerRecord
from perdure.world.query import RunFilter, RunPage, RunRecord
from perdure.world.world import World

__all__ = [
    "Append",
    "Appended",
    "Claim",
    "Claimed",
    "Lease",
    "Letter",
    "Log",
    "NewRow",
    "Operation",
    "Outcome",
    "Owned",
    "Refusal",
    "Refused",
    "Row",
    "RunFilter",
    "RunPage",
    "RunRecord",
    "Send",
    "Sent",
    "Start",
    "Started",
    "WorkerRecord",
    "World",
]
