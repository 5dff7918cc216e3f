"""Faults planted in real stores and real workers, so that the checker shows that it sees there too.

A store that loses, doubles or changes something does it by a trigger in its schema; one without a fence has lost a
condition in its functions. What is taken out of an engine is what `tests/faults/rules` takes out of a simulated one.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from perdure.model.ids import MailId
from perdure.testing.history.postgres import database
from perdure.world import Operation, Outcome, Send, Start, Started, World
from tests.faults.real.arena import Arena
from tests.faults.real.scenario import RUNNABLE, Scenario
from tests.faults.real.scenarios import QUICK, WITH_STREAMS_AND_HOOKS
from tests.faults.real.trouble import freezing, killing, losing_replies

RULES = "tests.faults.rules"
SPOILT = Scenario(name="planted", what="", programs=QUICK, runs=24, at_once=24, workers=2, seconds=8.0, patience_s=20.0)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """`what` is wrong, and the beginnings of the rules that may say so."""

    what: str
    scenario: Scenario
    seen_as: tuple[str, ...]


# -- in the store


def by_trigger(table: str, when: str, body: str) -> Callable[[Arena], Awaitable[None]]:
    """A trigger for each row; `body` returns from it."""

    async def spoil(arena: Arena) -> None:
        async with database(arena.direct) as connection:
            await connection.execute(
                f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
                f"CREATE TRIGGER spoil {when} INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION spoil();"
            )

    return spoil


async def unfenced(arena: Arena) -> None:
    """Owner and epoch aren't compared."""
    changes = [
        ("append_alone", "owner IS NOT DISTINCT FROM p_owner AND epoch = p_epoch", "true"),
        ("commit_all", "runs.owner IS NOT DISTINCT FROM asked.owner AND runs.epoch = asked.epoch", "true"),
        ("appends_together", "runs.owner IS NOT DISTINCT FROM o.owner AND runs.epoch = o.epoch", "true"),
        (
            "append_refusal",
            "(p->>'epoch')::bigint <> p_run.epoch OR (NOT v_seizes AND p->>'owner' IS DISTINCT FROM p_run.owner)",
            "false",
        ),
    ]
    async with database(arena.direct) as connection:
        for function, condition, instead in changes:
            texts = await connection.fetch(
                "SELECT pg_get_functiondef(oid) FROM pg_proc "
                "WHERE proname = $1 AND pronamespace = current_schema()::regnamespace",
                function,
            )
            assert texts
            for [text] in texts:
                assert condition in text, f"{function} has no such condition any more: plant this fault anew"
                await connection.execute(text.replace(condition, instead))


# -- between a client and its store


class _Between:
    """A World as it is, but for commits."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)


class Forgetful(_Between):
    """Acknowledges starts and forgets them, each third."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._starts = 0

    async def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        kept, told = list[Operation](), dict[int, Outcome]()
        for place, operation in enumerate(operations):
            self._starts += isinstance(operation, Start)
            if isinstance(operation, Start) and self._starts % 3 == 0:
                told[place] = Started(run_id=operation.run_id, created=True, owned=False, at_ms=0)
            else:
                kept.append(operation)
        outcomes = iter(await self._world.commit(kept) if kept else [])
        return [told[place] if place in told else next(outcomes) for place in range(len(operations))]


class Stuttering(_Between):
    """Sends each letter twice."""

    async def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        again = [
            structs.replace(one, letter=structs.replace(one.letter, mail_id=MailId(f"{one.letter.mail_id}again")))
            for one in operations
            if isinstance(one, Send)
        ]
        return (await self._world.commit([*operations, *again]))[: len(operations)]


# -- all of them

ONCE = tuple(one for one in RUNNABLE if one.name == "sim:sequence")
BACKING = tuple(one for one in RUNNABLE if one.name == "sim:backing")
STREAMS = tuple(one for one in RUNNABLE if one.streams)
TOKENS = tuple(one for one in RUNNABLE if one.tokens)

PLANTED = (
    Planted(
        what="owner and epoch aren't compared",
        scenario=replace(
            SPOILT,
            spoil=unfenced,
            trouble=(freezing(0.4),),
            programs=WITH_STREAMS_AND_HOOKS,
            runs=48,
            at_once=48,
            workers=3,
            lease_ms=1000,
            seconds=15.0,
        ),
        seen_as=("P8", "P3", "L1", "P2"),
    ),
    Planted(
        what="rows of logs are lost",
        scenario=replace(
            SPOILT,
            spoil=by_trigger(
                "events",
                "AFTER",
                "IF NEW.seq > 2 AND random() < 0.2 THEN "
                "DELETE FROM events WHERE run_id = NEW.run_id AND seq = NEW.seq; END IF; RETURN NULL;",
            ),
        ),
        seen_as=("L1",),
    ),
    Planted(
        what="accepted letters are lost",
        scenario=replace(
            SPOILT,
            spoil=by_trigger(
                "inbox",
                "AFTER",
                "IF random() < 0.2 THEN DELETE FROM inbox WHERE seq = NEW.seq; "
                "UPDATE runs SET mail = mail - 1 WHERE run_id = NEW.run_id; END IF; RETURN NULL;",
            ),
            programs=TOKENS,
        ),
        seen_as=("P4",),
    ),
    Planted(
        what="chunks are kept twice, in the place of others",
        scenario=replace(
            SPOILT,
            spoil=by_trigger(
                "chunks",
                "BEFORE",
                "IF NEW.idx > 0 AND random() < 0.1 THEN "
                "SELECT data INTO NEW.data FROM chunks WHERE stream_id = NEW.stream_id AND idx < NEW.idx LIMIT 1; "
                "END IF; RETURN NEW;",
            ),
            programs=STREAMS,
        ),
        seen_as=("P6",),
    ),
    Planted(
        what="chunks are lost",
        scenario=replace(
            SPOILT,
            spoil=by_trigger("chunks", "BEFORE", "IF random() < 0.1 THEN RETURN NULL; END IF; RETURN NEW;"),
            programs=STREAMS,
        ),
        seen_as=("P6",),
    ),
    Planted(
        what="starts are acknowledged before they are durable, and lost",
        scenario=replace(SPOILT, between=Forgetful),
        seen_as=("P1",),
    ),
    Planted(
        what="each payload is sent twice",
        scenario=replace(SPOILT, between=Stuttering, programs=TOKENS),
        seen_as=("P4",),
    ),
    Planted(
        what="a lost answer is taken for a good one",
        scenario=replace(SPOILT, planted=f"{RULES}.append:taken_for_landed", trouble=(losing_replies,)),
        seen_as=("P", "L", "T", "S"),
    ),
    Planted(
        what="an at-most-once attempt is repeated",
        scenario=replace(
            SPOILT,
            planted=f"{RULES}.step:once_more",
            trouble=(killing(0.3),),
            programs=ONCE,
            runs=80,
            at_once=80,
            workers=3,
            seconds=14.0,
        ),
        seen_as=("S3",),
    ),
    Planted(
        what="a new owner doesn't wait for a retry's time",
        scenario=replace(
            SPOILT, planted=f"{RULES}.step:impatient_owners", trouble=(killing(1.0),), programs=BACKING, workers=3
        ),
        seen_as=("S2",),
    ),
)
