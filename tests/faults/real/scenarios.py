"""The scenarios of `make chaos`: which trouble, on which store, and what it is called on the scorecard."""

from perdure.testing.simulation.program import QUEUE
from tests.faults.real.scenario import RUNNABLE, Scenario
from tests.faults.real.trouble import (
    draining,
    filling,
    freezing,
    killing,
    locking,
    losing_replies,
    raising,
    restarting,
    restarting_in_recovery,
    starving,
    terminating_listeners,
)

HOUR_MS = 3_600_000
WITH_STREAMS_AND_HOOKS = tuple(one for one in RUNNABLE if one.streams or one.tokens)
QUEUED = tuple(one for one in RUNNABLE if one.queued)
QUICK = tuple(one for one in RUNNABLE if one.name not in ("sim:patient", "sim:backing", "sim:guardian"))

SCENARIOS = (
    Scenario(name="kill", what="PostgreSQL: a worker gets SIGKILL", trouble=(killing(1.0),)),
    Scenario(
        name="freeze",
        what="PostgreSQL: a worker is stopped past its lease, and goes on",
        trouble=(freezing(1.5),),
        programs=WITH_STREAMS_AND_HOOKS,
        lease_ms=1500,
        seconds=20,
    ),
    Scenario(
        name="drain", what="PostgreSQL: a worker gets SIGTERM, another SIGKILL", trouble=(draining(1.0), killing(3.0))
    ),
    Scenario(name="crash", what="PostgreSQL crashes under load", trouble=(restarting(3.0),)),
    Scenario(
        name="recovery",
        what="PostgreSQL crashes while the successors of killed workers look for their runs",
        trouble=(restarting_in_recovery,),
        seconds=20,
    ),
    Scenario(name="reply", what="PostgreSQL: answers are lost on the way, also to COMMIT", trouble=(losing_replies,)),
    Scenario(
        name="listener",
        what="PostgreSQL: the listeners' connections are cut",
        trouble=(terminating_listeners, killing(4.0)),
    ),
    Scenario(
        name="hints",
        what="PostgreSQL without hints between processes",
        trouble=(killing(2.0),),
        parameters={"listen": 0},
    ),
    Scenario(
        name="queue",
        what="PostgreSQL: workers of different queues get SIGKILL",
        trouble=(killing(1.5), losing_replies),
        programs=QUEUED,
        workers=4,
        queues=(("default",), (QUEUE,)),
    ),
    Scenario(name="famine", what="PostgreSQL has no connection left", trouble=(starving,), seconds=20),
    Scenario(
        name="deadlock",
        what="PostgreSQL: deadlocks, serialization failures",
        trouble=(locking, raising),
    ),
    Scenario(
        name="clock",
        what="PostgreSQL: the clocks of workers are an hour off",
        trouble=(killing(2.0),),
        skews_ms=(HOUR_MS, -HOUR_MS, 0),
    ),
    Scenario(
        name="all",
        what="PostgreSQL: kills, freezes, drains, crashes, lost answers, failed transactions together",
        trouble=(killing(2.0), freezing(4.0), draining(5.0), restarting(6.0), losing_replies, raising),
        lease_ms=1500,
        seconds=25,
    ),
    Scenario(
        name="sqlite-kill",
        what="SQLite, three processes on one file: a worker gets SIGKILL",
        trouble=(killing(1.0),),
        postgres=False,
    ),
    Scenario(
        name="sqlite-freeze",
        what="SQLite: a worker is stopped past its lease, and goes on",
        trouble=(freezing(1.5),),
        programs=WITH_STREAMS_AND_HOOKS,
        postgres=False,
        lease_ms=1500,
        seconds=20,
    ),
    Scenario(
        name="sqlite-full",
        what="SQLite on a disk that is full, and freed again",
        trouble=(filling, killing(4.0)),
        postgres=False,
        small_disk=True,
        expected="is full: nothing more is accepted until space is freed",
        seconds=20,
    ),
)

STORM = Scenario(
    name="storm",
    what="PostgreSQL, four workers: one is killed every second, the server crashes several times",
    trouble=(killing(1.0), restarting(30.0)),
    runs=2000,
    at_once=100,
    workers=4,
    seconds=240,
    lease_ms=10_000,
)
"""What a fleet must survive: mixed programs, by the thousand."""

SHORT = (
    Scenario(
        name="short",
        what="PostgreSQL: a little of everything",
        trouble=(killing(1.0), freezing(2.0), losing_replies, raising),
        programs=QUICK,
        runs=16,
        at_once=16,
        workers=2,
        seconds=5.0,
        lease_ms=1500,
    ),
    Scenario(
        name="short-sqlite",
        what="SQLite: a little of everything",
        trouble=(killing(1.0), freezing(2.0)),
        programs=QUICK,
        postgres=False,
        runs=16,
        at_once=16,
        workers=2,
        seconds=5.0,
        lease_ms=1500,
    ),
)
"""What `make test` has of it."""
