"""Many rows, so that a planner has a choice: most runs have ended, a few live."""

from perdure.worlds.postgres import PostgresWorld
from tests.worlds.postgres.database import database

FILL = """
    INSERT INTO runs (run_id, workflow, status, owner, epoch, length, mail, at_ms, wake_at_ms, parent_id, attributes,
                      deployment, created_at_ms)
    SELECT 'wrun_' || lpad(n::text, 26, '0'), 'shop:fulfil', CASE WHEN n % 50 = 0 THEN 'running' ELSE 'completed' END,
           CASE WHEN n % 50 = 0 THEN 'wrkr_' || n % 3 END, 1, 2, CASE WHEN n % 1000 = 0 THEN 1 ELSE 0 END, 0,
           CASE WHEN n % 99 = 0 AND n % 50 <> 0 THEN n END, NULL,
           CASE WHEN n % 10 = 0 THEN jsonb_build_object('customer', n::text) ELSE '{}' END, '', n
    FROM generate_series(1, 20000) AS n;
    INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms)
    SELECT run_id, seq, 0, 1, 'run_created', '', '', 0 FROM runs, generate_series(1, 2) AS seq;
    INSERT INTO inbox (run_id, mail_id, kind, key, payload)
    SELECT run_id, 'mail_' || n, 'k', '', '' FROM runs, generate_series(1, 20) AS n WHERE mail > 0;
    INSERT INTO hooks (run_id, key, token_hash, seq, webhook, closed, created_at_ms)
    SELECT run_id, 'h', 't' || created_at_ms / 2, 1, false, created_at_ms % 2 = 0, 0 FROM runs;
    INSERT INTO streams (run_id, stream, length) SELECT run_id, '', 2 FROM runs;
    INSERT INTO chunks SELECT id, n, 'x', NULL, 1 FROM streams, generate_series(0, 1) AS n;
    ANALYZE runs, events, inbox, hooks, streams, chunks, labels
"""


async def fill(url: str, world: PostgresWorld) -> None:
    async with database(url) as connection:
        await connection.execute(FILL)
    assert await world.next_due_ms(("shop:fulfil",)) == 99
