"""`perdure inspect hooks`: where payloads are waited for, in one run, or in all.

Random tokens are shown in full: who can read the world may resume whatever waits in it.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
import msgspec

from perdure.api.hook import list_hooks
from perdure.api.info import hook_info
from perdure.api.records import HookInfo
from perdure.cli.human import age, clock, iso
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.place import items_at
from perdure.cli.reference import record_named
from perdure.cli.table import Cell, Column, Row
from perdure.cli.world import in_world, world_option
from perdure.codec.value import encode
from perdure.core.hook import hooks_of
from perdure.engine.engine import Engine
from perdure.model.ids import RunId
from perdure.world.query import RunRecord

CREATED = Column("CREATED", wide=True)
EVERYWHERE = (
    Column("TOKEN"),
    Column("RUN"),
    Column("WORKFLOW", cut="left", wide=True),
    Column("KIND", wide=True),
    CREATED,
    Column("AGE", piped=False),
    Column("EXPIRES", wide=True),
)
OF_A_RUN = (
    Column("TOKEN"),
    Column("KIND"),
    Column("STATUS"),
    Column("PAYLOADS"),
    Column("REJECTED"),
    CREATED,
    Column("AGE", piped=False),
    Column("EXPIRES"),
)
METADATA = Column("METADATA", cut="right")
STYLES = {"waiting": "cyan", "conflict": "red", "expired": "yellow", "disposed": "dim", "ended": "dim"}


class HookView(NamedTuple):
    """`rejected` counts payloads that didn't fit; None, as `received`, where the run's log wasn't read."""

    info: HookInfo
    workflow: str
    rejected: int | None = None


@click.command(short_help="List hooks.")
@click.argument("run", required=False)
@list_options(limit=100)
@world_option
def hooks(run: str | None, options: ListOptions, world: str | None) -> None:
    """List the hooks of the run RUN, in the order of their creation; without RUN all that wait for a payload, those of
    the newest run first.

    In a pipe a line has: token, run, workflow, kind, created, expires; of one run: token, kind, status, payloads,
    rejected payloads, created, expires. With --with-data the metadata follows, as JSON.
    """

    async def work(engine: Engine) -> tuple[list[HookView], str | None]:
        if run is None:
            return await _waiting(engine, options)
        record = await record_named(engine, run)
        page, cursor = items_at(options, await hooks_in(engine, record), "hooks")
        return list(page), cursor

    found, cursor = in_world(world, work)
    now, columns = datetime.now(UTC), EVERYWHERE if run is None else OF_A_RUN
    row_of = row_among_all if run is None else row_in_run
    listed = [Listed(hook_json(hook, with_data=options.with_data), row_of(hook, now)) for hook in found]
    write_list(options.form, (*columns, METADATA) if options.with_data else columns, listed, cursor)


async def hooks_in(engine: Engine, run: RunRecord) -> list[HookView]:
    """All of a run, in the order of their creation."""
    _, events = await engine.log(run.run_id)
    return [HookView(hook_info(run.run_id, hook), run.workflow, hook.rejected) for hook in hooks_of(events)]


async def _waiting(engine: Engine, options: ListOptions) -> tuple[list[HookView], str | None]:
    page = await list_hooks(limit=options.limit, cursor=options.cursor)
    workflows: dict[str, str] = {}
    for run_id in dict.fromkeys(info.run_id for info in page.items):
        record = await engine.world.read_run(RunId(run_id))
        workflows[run_id] = record.workflow if record is not None else ""
    return [HookView(info, workflows[info.run_id]) for info in page.items], page.cursor


def hook_json(hook: HookView, *, with_data: bool) -> dict[str, Any]:
    shown = {**replace(hook.info, metadata=None).as_json(), "rejected": hook.rejected, "workflow": hook.workflow}
    if with_data:
        shown["metadata"] = recorded(hook.info.metadata)
    else:
        del shown["metadata"]
    return shown


def row_among_all(hook: HookView, now: datetime) -> Row:
    token, kind, created, ago, expires, metadata = _cells(hook.info, now)
    return (token, Cell(hook.info.run_id), Cell(hook.workflow), kind, created, ago, expires, metadata)


def row_in_run(hook: HookView, now: datetime) -> Row:
    token, kind, *rest = _cells(hook.info, now)
    info, rejected = hook.info, hook.rejected or 0
    status = Cell(info.status, style=STYLES[info.status])
    refused = Cell(str(rejected), style="red" if rejected else "")
    return (token, kind, status, Cell(str(info.received or 0)), refused, *rest)


def expiry_cell(info: HookInfo, now: datetime) -> Cell:
    at = info.expires_at
    if at is None:
        return Cell("never", "", style="dim")
    return Cell(age(at, now) if at > now else f"{age(at, now)} ago", iso(at))


def recorded(metadata: Any) -> Any:
    """As the log has it, tags and all."""
    return msgspec.json.decode(encode(metadata, "metadata"))


def _cells(info: HookInfo, now: datetime) -> tuple[Cell, Cell, Cell, Cell, Cell, Cell]:
    return (
        Cell(info.token),
        Cell("webhook" if info.webhook else "hook"),
        Cell(clock(info.created_at, now), iso(info.created_at), style="dim"),
        Cell(age(info.created_at, now)),
        expiry_cell(info, now),
        Cell(msgspec.json.encode(recorded(info.metadata)).decode(), style="dim"),
    )
