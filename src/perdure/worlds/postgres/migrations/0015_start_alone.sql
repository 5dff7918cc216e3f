-- A start that is a commit by itself, as whoever starts one run after another makes them. What it may not do here (there is
-- such a run already, or one with its key; the owner that it asks for has no lease) `commit_all` does, or says how it stands:
-- then this gives null.
--
-- As with append_alone: its tables are named in full, and no more is set than must be.

CREATE FUNCTION start_alone(
    p_now bigint, p_run text, p_workflow text, p_owner text, p_wake bigint, p_key text, p_parent text, p_root text,
    p_attributes text, p_deployment text, p_pin text, p_created bytea, p_started bytea
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_now bigint := coalesce(p_now, perdure.clock_ms());
    v_epoch CONSTANT bigint := CASE WHEN p_owner IS NULL THEN 0 ELSE 1 END;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF v_epoch = 1 THEN
        PERFORM 1 FROM perdure.workers WHERE worker_id = p_owner AND lease_until_ms > v_now;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO perdure.runs (run_id, workflow, status, owner, epoch, length, at_ms, wake_at_ms, idempotency_key, parent_id,
                              root_id, attributes, deployment, pin, created_at_ms, started_at_ms)
    VALUES (p_run, p_workflow, CASE v_epoch WHEN 0 THEN 'pending' ELSE 'running' END, p_owner, v_epoch, 1 + v_epoch, v_now,
            CASE v_epoch WHEN 0 THEN coalesce(p_wake, v_now) END, p_key, p_parent, p_root, p_attributes::jsonb, p_deployment,
            p_pin, v_now, CASE v_epoch WHEN 1 THEN v_now END)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO perdure.events (run_id, seq, turn, epoch, type, key, payload, at_ms)
    SELECT p_run, place, 0, v_epoch, type, '', payload, v_now
    FROM (VALUES (1, 'run_created', p_created), (2, 'run_started', p_started)) AS r (place, type, payload)
    WHERE place <= 1 + v_epoch;
    RETURN v_now;
END $$;
