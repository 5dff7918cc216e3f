-- An append that is a commit by itself, as a run makes them that has its worker for itself: what such a run waits for, step
-- after step. All that it asks is on the row that it changes, so there is nothing to lock first. What it may not do here
-- (refused, mail, a clock that was read too early for the row) `commit_all` does, or says why: then this gives null.
--
-- It names its tables in full, and sets no more than it must: what a function sets and takes back costs as much as what this
-- one does. A plan that was made while a table was empty must not scan it when it is full.

CREATE FUNCTION append_alone(
    p_now bigint, p_run text, p_owner text, p_epoch bigint, p_length bigint, p_rows int, p_due bigint,
    p_turn_completed boolean, p_status text, p_release boolean, p_wake bigint,
    r_turn bigint[], r_type text[], r_key text[], r_payload bytea[], r_mail text[]
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_now bigint := coalesce(p_now, perdure.clock_ms());
    v_ends CONSTANT boolean := p_status IN ('completed', 'failed', 'cancelled');
    v_leaves CONSTANT boolean := p_status IN ('completed', 'failed', 'cancelled', 'blocked');
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF p_status IS NULL AND NOT p_release THEN
        UPDATE perdure.runs
        SET length = p_length + p_rows, at_ms = v_now,
            recoveries = CASE WHEN p_turn_completed THEN 0 ELSE recoveries END
        WHERE run_id = p_run AND owner IS NOT DISTINCT FROM p_owner AND epoch = p_epoch
            AND length = p_length AND mail = 0 AND at_ms <= v_now AND p_due <= v_now;
    ELSE
        UPDATE perdure.runs
        SET length = p_length + p_rows, at_ms = v_now, status = coalesce(p_status, status),
            owner = CASE WHEN v_leaves OR p_release THEN NULL ELSE owner END,
            wake_at_ms = CASE WHEN v_leaves THEN NULL WHEN p_release THEN p_wake ELSE wake_at_ms END,
            recoveries = CASE WHEN p_turn_completed THEN 0 ELSE recoveries END,
            started_at_ms = CASE WHEN p_status = 'running' THEN coalesce(started_at_ms, v_now) ELSE started_at_ms END,
            ended_at_ms = CASE WHEN v_ends THEN v_now END
        WHERE run_id = p_run AND owner IS NOT DISTINCT FROM p_owner AND epoch = p_epoch
            AND length = p_length AND mail = 0 AND at_ms <= v_now AND p_due <= v_now;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO perdure.events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
    SELECT p_run, p_length + place, turn, p_epoch, type, key, payload, v_now, mail_id
    FROM unnest(r_turn, r_type, r_key, r_payload, r_mail) WITH ORDINALITY
        AS r (turn, type, key, payload, mail_id, place);
    IF v_ends THEN
        UPDATE perdure.hooks SET closed = true WHERE run_id = p_run AND NOT closed;
        UPDATE perdure.streams SET closed = 2 WHERE run_id = p_run AND closed = 0;
    END IF;
    RETURN v_now;
END $$;
