"""Sessions: a name of the client's own for its chat, by which it finds the run again after a page was reloaded."""

from typing import Any

from perdure.api.run import Run, get_run, list_runs
from perdure.errors import RunNotFound
from perdure.model.ids import is_run_id

SESSION = "chat.session"
"""The attribute that holds it: one session may have many runs, one for each message."""
SESSION_BYTES_MAX = 256


async def run_of(run_or_session: str) -> Run[Any]:
    """The run with this id, or the youngest of this session. Raises: RunNotFound."""
    if is_run_id(run_or_session):
        return get_run(run_or_session)
    if 0 < len(run_or_session.encode()) <= SESSION_BYTES_MAX:
        for info in (await list_runs(attributes={SESSION: run_or_session}, limit=1)).items:
            return get_run(info.run_id)
    raise RunNotFound(run_or_session)
