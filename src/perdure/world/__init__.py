"""The port: what the engine asks of a place that keeps runs. Adapters live in `perdure.worlds`."""

from perdure.world.hook import HookChange, HookClosing, HookFilter, HookFinding, HookRecord, HookReopening, NewHook
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
from perdure.world.stream import Chunk, NewChunks, StreamPage, StreamRecord
from perdure.world.transaction import Transaction, Transactions
from perdure.world.world import Hooks, Retention, Streams, World

__all__ = [
    "Append",
    "Appended",
    "Chunk",
    "Claim",
    "Claimed",
    "HookChange",
    "HookClosing",
    "HookFilter",
    "HookFinding",
    "HookRecord",
    "HookReopening",
    "Hooks",
    "Lease",
    "Letter",
    "Log",
    "NewChunks",
    "NewHook",
    "NewRow",
    "Operation",
    "Outcome",
    "Owned",
    "Refusal",
    "Refused",
    "Retention",
    "Row",
    "RunFilter",
    "RunPage",
    "RunRecord",
    "Send",
    "Sent",
    "Start",
    "Started",
    "StreamPage",
    "StreamRecord",
    "Streams",
    "Transaction",
    "Transactions",
    "WorkerRecord",
    "World",
]
