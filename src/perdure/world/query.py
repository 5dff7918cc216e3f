"""What can be asked about runs without owning them."""

from msgspec import Struct

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status


class RunRecord(Struct, frozen=True, gc=False, kw_only=True):
    """A run's row. `length` counts its events, `mail` its waiting letters, `writes` its appends with chunks.

    `pin`: the deployment whose workers alone may claim it; empty: any. Times by the store's clock, None: not yet.
    """

    run_id: RunId
    workflow: str
    status: Status
    owner: WorkerId | None
    epoch: int
    length: int
    mail: int
    wake_at_ms: int | None
    idempotency_key: str | None
    parent_id: RunId | None
    root_id: RunId | None
    attributes: dict[str, str]
    deployment: str
    recoveries: int
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    writes: int = 0
    pin: str = ""


class RunFilter(Struct, frozen=True, gc=False, kw_only=True):
    """All given conditions hold. `since_ms` is inclusive, `until_ms` exclusive, both on `created_at_ms`.

    Empty tuples are no condition; `run_ids` takes some thousands. `without`: no runs whose workflow's name begins so.
    Newest first, by run id; `before` is the cursor: only runs whose id sorts before it.
    """

    status: tuple[Status, ...] = ()
    run_ids: tuple[RunId, ...] = ()
    workflow: str | None = None
    without: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    attributes: dict[str, str] = {}
    prefix: str | None = None
    parent_id: RunId | None = None
    limit: int = 20
    before: RunId | None = None


class RunPage(Struct, frozen=True, gc=False, kw_only=True):
    """`more`: there are runs beyond the last one here."""

    runs: tuple[RunRecord, ...]
    more: bool
