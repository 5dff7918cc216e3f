-- Leases and claims. Every owner has a row in `workers`, so the dead are found among a few workers, not among all runs.

-- A worker whose lease is long over, and that owns nothing, is forgotten. The condition is on a column that every sign
-- of life changes: who waited for the row's lock sees the new one, while the look at `runs` would stay the old one.
CREATE FUNCTION beat(p_now bigint, p_worker text, p_lease bigint, p_process text, p_workflows jsonb, p_deployment text,
                     p_remembered bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    v_now bigint := coalesce(p_now, clock_ms());
BEGIN
    DELETE FROM workers WHERE worker_id IN (
        SELECT worker_id FROM workers
        WHERE lease_until_ms <= v_now AND seen_ms <= v_now - p_remembered AND worker_id <> p_worker
            AND NOT EXISTS (SELECT 1 FROM runs WHERE owner = worker_id)
        FOR UPDATE SKIP LOCKED
    );
    INSERT INTO workers (worker_id, lease_until_ms, graceful, process, workflows, deployment, seen_ms)
    VALUES (p_worker, v_now + p_lease, false, p_process, p_workflows, p_deployment, v_now)
    ON CONFLICT (worker_id) DO UPDATE
    SET lease_until_ms = excluded.lease_until_ms, graceful = false, process = excluded.process,
        workflows = excluded.workflows, deployment = excluded.deployment, seen_ms = excluded.seen_ms;
    RETURN v_now;
END $$;

-- Runs that no live lease owns, and that have mail or are due. Runs of the dead and runs with mail first: since when they
-- wait isn't known. Rows that somebody else has locked are left to them.
CREATE FUNCTION claim(p_now bigint, p_worker text, p_workflows text[], p_limit int, p_suspect int)
RETURNS TABLE (run_id text, workflow text, status text, epoch bigint, length bigint, recoveries bigint, died boolean)
LANGUAGE plpgsql
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    v_now bigint := coalesce(p_now, clock_ms());
    v_dead text;
    v_graceful boolean;
    v_flow text;
    v_found runs;
    v_ids text[] := '{}';
    v_due bigint[] := '{}';
    v_died boolean[] := '{}';
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    FOR v_dead, v_graceful IN
        SELECT worker_id, graceful FROM workers WHERE lease_until_ms <= v_now AND worker_id <> p_worker
    LOOP
        FOR v_found IN
            SELECT * FROM runs WHERE owner = v_dead AND workflow = ANY (p_workflows)
            LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_ids := v_ids || v_found.run_id;
            v_due := v_due || 0::bigint;
            v_died := v_died || NOT v_graceful;
        END LOOP;
    END LOOP;
    FOR v_flow IN SELECT DISTINCT flow FROM unnest(p_workflows) AS flow LOOP
        FOR v_found IN
            SELECT * FROM runs
            WHERE owner IS NULL AND workflow = v_flow AND mail > 0 AND status IN ('pending', 'running')
            LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_ids := v_ids || v_found.run_id;
            v_due := v_due || 0::bigint;
            v_died := v_died || false;
        END LOOP;
        FOR v_found IN
            SELECT * FROM runs
            WHERE workflow = v_flow AND wake_at_ms IS NOT NULL AND wake_at_ms <= v_now AND mail = 0 AND owner IS NULL
            ORDER BY wake_at_ms LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_ids := v_ids || v_found.run_id;
            v_due := v_due || v_found.wake_at_ms;
            v_died := v_died || false;
        END LOOP;
    END LOOP;
    IF cardinality(v_ids) = 0 THEN
        RETURN;
    END IF;
    -- Whoever claims is there again, if it had taken leave.
    INSERT INTO workers (worker_id, lease_until_ms, graceful, process, workflows, deployment, seen_ms)
    VALUES (p_worker, 0, false, '', '[]', '', v_now)
    ON CONFLICT (worker_id) DO UPDATE SET graceful = false, seen_ms = excluded.seen_ms;
    RETURN QUERY
    WITH chosen AS (
        SELECT id, due, died FROM unnest(v_ids, v_due, v_died) AS c (id, due, died) ORDER BY due, id LIMIT p_limit
    ), taken AS (
        UPDATE runs AS r
        SET owner = p_worker, epoch = r.epoch + 1, wake_at_ms = NULL, probation = false,
            recoveries = r.recoveries
                + CASE WHEN chosen.died AND (r.recoveries < p_suspect OR r.probation) THEN 1 ELSE 0 END
        FROM chosen WHERE r.run_id = chosen.id
        RETURNING chosen.due, r.run_id, r.workflow, r.status, r.epoch, r.length, r.recoveries, chosen.died
    )
    SELECT t.run_id, t.workflow, t.status, t.epoch, t.length, t.recoveries, t.died FROM taken AS t
    ORDER BY t.due, t.run_id;
END $$;
