"""What can be asked about runs without owning them."""

from perdure.world import RunFilter, RunPage, RunRecord
from perdure.worlds.memory.state import State


def list_runs(state: State, filter: RunFilter) -> RunPage:
    newest_first = sorted((kept.record for kept in state.runs.values()), key=lambda run: run.run_id, reverse=True)
    matching = [record for record in newest_first if _matches(record, filter)]
    return RunPage(runs=tuple(matching[: filter.limit]), more=len(matching) > filter.limit)


def _matches(record: RunRecord, filter: RunFilter) -> bool:
    return (
        (not filter.status or record.status in filter.status)
        and (not filter.run_ids or record.run_id in filter.run_ids)
        and (filter.workflow is None or record.workflow == filter.workflow)
        and (filter.without is None or not record.workflow.startswith(filter.without))
        and (filter.since_ms is None or record.created_at_ms >= filter.since_ms)
        and (filter.until_ms is None or record.created_at_ms < filter.until_ms)
        and all(record.attributes.get(key) == value for key, value in filter.attributes.items())
        and (filter.prefix is None or record.run_id.startswith(filter.prefix))
        and (filter.parent_id is None or record.parent_id == filter.parent_id)
        and (filter.before is None or record.run_id < filter.before)
    )
