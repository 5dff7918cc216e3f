-- Logs, as `query.py` asks for them: in a function, whose plan is kept. The statement by itself would be planned each time,
-- as statements have no names, which takes the server longer than a short log does.
--
-- One statement is one snapshot. The columns of events come as arrays: the run's own come once.
CREATE FUNCTION read_logs(p_ids text[], p_firsts bigint[], p_mosts bigint[])
RETURNS TABLE (
    run_id text, workflow text, status text, owner text, epoch bigint, length bigint, mail bigint, wake_at_ms bigint,
    idempotency_key text, parent_id text, root_id text, attributes jsonb, deployment text, recoveries bigint,
    created_at_ms bigint, started_at_ms bigint, ended_at_ms bigint, writes bigint, pin text,
    place bigint,
    seqs bigint[], turns bigint[], epochs bigint[], types text[], keys text[], payloads bytea[], ats bigint[],
    mail_ids text[], decided text[]
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.run_id, r.workflow, r.status, r.owner, r.epoch, r.length, r.mail, r.wake_at_ms, r.idempotency_key, r.parent_id,
           r.root_id, r.attributes, r.deployment, r.recoveries, r.created_at_ms, r.started_at_ms, r.ended_at_ms, r.writes,
           r.pin, asked.place, e.*
    FROM unnest(p_ids, p_firsts, p_mosts) WITH ORDINALITY AS asked (id, first, most, place)
    JOIN perdure.runs AS r ON r.run_id = asked.id
    LEFT JOIN LATERAL (
        SELECT array_agg(seq), array_agg(turn), array_agg(wanted.epoch), array_agg(type), array_agg(key),
               array_agg(payload), array_agg(at_ms), array_agg(mail_id), array_agg(wanted.decided)
        FROM (
            SELECT * FROM perdure.events WHERE events.run_id = asked.id AND seq >= asked.first
            ORDER BY seq LIMIT asked.most
        ) AS wanted
    ) AS e ON true;
END $$;
