"""The witness in a PostgreSQL World's schema."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from perdure.testing.history.witness import Witnessed, witnessed
from perdure.worlds.postgres.location import location_of

_TRIGGERS = """
    CREATE TABLE {schema}.witness (
        place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text, whom text, detail text, at_ms bigint
    );

    CREATE FUNCTION {schema}.witness_letter() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        v_run record;
    BEGIN
        INSERT INTO {schema}.witness (what, whom, detail, at_ms)
        VALUES ('letter', NEW.run_id, NEW.mail_id, {schema}.clock_ms());
        SELECT status, epoch INTO v_run FROM {schema}.runs WHERE run_id = NEW.run_id;
        IF NEW.kind = 'cancel_requested' AND v_run.status = 'pending' AND v_run.epoch = 0 THEN
            INSERT INTO {schema}.witness (what, whom, detail, at_ms)
            VALUES ('early', NEW.run_id, '', {schema}.clock_ms());
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness_letter AFTER INSERT ON {schema}.inbox
    FOR EACH ROW EXECUTE FUNCTION {schema}.witness_letter();

    CREATE FUNCTION {schema}.witness_event() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM {schema}.runs WHERE run_id = NEW.run_id AND epoch = NEW.epoch) THEN
            INSERT INTO {schema}.witness (what, whom, detail, at_ms)
            VALUES ('unowned', NEW.run_id, NEW.seq, {schema}.clock_ms());
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness_event AFTER INSERT ON {schema}.events
    FOR EACH ROW EXECUTE FUNCTION {schema}.witness_event();

    CREATE FUNCTION {schema}.witness_run() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.owner IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM {schema}.workers
            WHERE worker_id = NEW.owner AND lease_until_ms > NEW.created_at_ms
        ) THEN
            INSERT INTO {schema}.witness (what, whom, detail, at_ms)
            VALUES ('born-dead', NEW.run_id, NEW.owner, {schema}.clock_ms());
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness_run AFTER INSERT ON {schema}.runs
    FOR EACH ROW EXECUTE FUNCTION {schema}.witness_run();

    CREATE FUNCTION {schema}.witness_claim() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {schema}.witness (what, whom, detail, at_ms)
        VALUES ('claim', NEW.run_id, NEW.epoch, {schema}.clock_ms());
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness_claim AFTER UPDATE OF epoch ON {schema}.runs
    FOR EACH ROW WHEN (NEW.epoch > OLD.epoch) EXECUTE FUNCTION {schema}.witness_claim();

    CREATE FUNCTION {schema}.witness_lease() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO {schema}.witness (what, whom, detail, at_ms)
        VALUES ('lease', NEW.worker_id, NEW.lease_until_ms, {schema}.clock_ms());
        RETURN NULL;
    END $$;
    CREATE TRIGGER witness_lease AFTER INSERT OR UPDATE ON {schema}.workers
    FOR EACH ROW EXECUTE FUNCTION {schema}.witness_lease();
"""


@asynccontextmanager
async def database(url: str) -> AsyncGenerator[Any]:
    """A connection beside a World, whose search_path is the World's schema."""
    location = location_of(url)
    connect = cast(Any, asyncpg).connect
    connection = await connect(location.dsn)
    try:
        await connection.execute(f'SET search_path = "{location.schema}"')
        yield connection
    finally:
        await connection.close()


async def install(url: str) -> None:
    """From now on the witness writes. The World's tables must be there."""
    async with database(url) as connection:
        await connection.execute(_TRIGGERS.replace("{schema}", f'"{location_of(url).schema}"'))


async def read(url: str) -> Witnessed:
    """What it wrote."""
    async with database(url) as connection:
        return witnessed(await connection.fetch("SELECT what, whom, detail, at_ms FROM witness ORDER BY place"))
