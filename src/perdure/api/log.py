"""Python's logging and runs: which lines of steps are kept, and a filter that tells log lines apart."""

import logging
from typing import get_args

from perdure.model.log import LEVELS, NEVER, Level
from perdure.replay.body import Body
from perdure.replay.scope import SCOPE, Attempt


def level_of(capture_logs: object) -> int:
    """From where on lines are kept: a level's name; True for INFO, False for none. Raises: ValueError, which says why."""
    if isinstance(capture_logs, bool):
        return LEVELS["INFO"] if capture_logs else NEVER
    if not isinstance(capture_logs, str) or capture_logs not in LEVELS:
        raise ValueError(f"capture_logs={capture_logs!r} is no level: give {', '.join(get_args(Level))}, True or False")
    return LEVELS[capture_logs]


class LogFilter(logging.Filter):
    """For handlers of Python's logging: says which run a line belongs to, and keeps it quiet in a replay.

    `handler.addFilter(LogFilter())` gives every record `run_id`, `workflow`, `step_id`, `step_name` (texts, empty outside)
    and `attempt` (from 1, in a step; else 0), for formats and for structured logs. What a workflow's body logs while it is
    replayed is dropped: it was logged in its time. The last turn's lines may come twice, after a crash.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Python's logging calls it."""
        scope = SCOPE.get()
        run_id = workflow = step_id = step_name = ""
        attempt = 0
        if isinstance(scope, Attempt):
            run_id, workflow, step_id = scope.run_id, scope.workflow, scope.step_id
            step_name, attempt = scope.step_name, scope.attempt
        elif isinstance(scope, Body):
            if scope.machine.replaying:
                return False
            run_id, workflow = scope.run_id, scope.definition.name
        record.run_id, record.workflow = run_id, workflow
        record.step_id, record.step_name, record.attempt = step_id, step_name, attempt
        return True
