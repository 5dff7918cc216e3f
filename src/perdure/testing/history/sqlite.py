"""The witness in a SQLite World's file. It doesn't look at who appends: rows come at the end of their transaction there."""

from contextlib import closing

from perdure.testing.history.witness import Witnessed, witnessed
from perdure.worlds.sqlite.connection import connect
from perdure.worlds.sqlite.location import path_of

_CLOCK_MS = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
_TRIGGERS = """
    CREATE TABLE witness (place INTEGER PRIMARY KEY, what TEXT, whom TEXT, detail TEXT, at_ms INTEGER);

    CREATE TRIGGER witness_letter AFTER INSERT ON inbox BEGIN
        INSERT INTO witness (what, whom, detail, at_ms) VALUES ('letter', NEW.run_id, NEW.mail_id, {now});
        INSERT INTO witness (what, whom, detail, at_ms)
        SELECT 'early', run_id, '', {now} FROM runs
        WHERE run_id = NEW.run_id AND NEW.kind = 'cancel_requested' AND status = 'pending' AND epoch = 0;
    END;

    CREATE TRIGGER witness_run AFTER INSERT ON runs WHEN NEW.owner IS NOT NULL BEGIN
        INSERT INTO witness (what, whom, detail, at_ms)
        SELECT 'born-dead', NEW.run_id, NEW.owner, {now}
        WHERE NOT EXISTS (
            SELECT 1 FROM workers WHERE worker_id = NEW.owner AND lease_until_ms > NEW.created_at_ms
        );
    END;

    CREATE TRIGGER witness_claim AFTER UPDATE OF epoch ON runs WHEN NEW.epoch > OLD.epoch BEGIN
        INSERT INTO witness (what, whom, detail, at_ms) VALUES ('claim', NEW.run_id, NEW.epoch, {now});
    END;

    CREATE TRIGGER witness_lease AFTER INSERT ON workers BEGIN
        INSERT INTO witness (what, whom, detail, at_ms)
        VALUES ('lease', NEW.worker_id, NEW.lease_until_ms, {now});
    END;

    CREATE TRIGGER witness_renewal AFTER UPDATE ON workers BEGIN
        INSERT INTO witness (what, whom, detail, at_ms)
        VALUES ('lease', NEW.worker_id, NEW.lease_until_ms, {now});
    END;
"""


def install(url: str) -> None:
    """From now on the witness writes. The World's tables must be there."""
    with closing(connect(path_of(url))) as connection:
        connection.execute(f"BEGIN IMMEDIATE; {_TRIGGERS.replace('{now}', _CLOCK_MS)} COMMIT").fetchall()


def read(url: str) -> Witnessed:
    """What it wrote."""
    with closing(connect(path_of(url))) as connection:
        return witnessed(connection.execute("SELECT what, whom, detail, at_ms FROM witness ORDER BY place").fetchall())
