-- Runs of a commit are found by their ids. A planner that sees few owned runs, as at a quiet moment, would take the index
-- of owners for the shorter way, and each append would read all that its worker owns. An index can't be asked for
-- IS NOT DISTINCT FROM, which says the same here: no asked owner is null.

-- As in 0007, but for that.
CREATE OR REPLACE FUNCTION appends_together(p_now bigint, p_more jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    v_landed int[];
    v_ended text[];
BEGIN
    WITH landed AS (
        UPDATE runs
        SET length = runs.length + o.rows, at_ms = p_now, status = coalesce(o.status, runs.status),
            owner = CASE WHEN o.leaves OR o.release THEN NULL ELSE runs.owner END,
            wake_at_ms = CASE WHEN o.leaves THEN NULL WHEN o.release THEN o.wake ELSE runs.wake_at_ms END,
            recoveries = CASE WHEN o.turn_completed THEN 0 ELSE runs.recoveries END,
            started_at_ms = CASE WHEN o.status = 'running' THEN coalesce(runs.started_at_ms, p_now)
                            ELSE runs.started_at_ms END,
            ended_at_ms = CASE WHEN o.ends THEN p_now END
        FROM (
            SELECT *, coalesce(status IN ('completed', 'failed', 'cancelled'), false) AS ends,
                   coalesce(status IN ('completed', 'failed', 'cancelled', 'blocked'), false) AS leaves
            FROM jsonb_to_recordset(p_more) AS w ("do" text, together boolean, op int, run text, owner text,
                epoch bigint, seq bigint, rows int, due bigint, status text, release boolean, wake bigint,
                turn_completed boolean)
        ) AS o
        WHERE o."do" = 'append' AND o.together AND runs.run_id = o.run AND runs.owner IS NOT DISTINCT FROM o.owner AND runs.epoch = o.epoch
            AND runs.length = o.seq - 1 AND runs.mail = 0 AND runs.at_ms <= p_now AND o.due <= p_now
        RETURNING o.op, CASE WHEN o.ends THEN o.run END AS ended
    )
    SELECT array_agg(op), array_agg(ended) FILTER (WHERE ended IS NOT NULL) INTO v_landed, v_ended FROM landed;
    IF v_ended IS NOT NULL THEN
        UPDATE hooks SET closed = true WHERE run_id = ANY (v_ended) AND NOT closed;
        UPDATE streams SET closed = 2 WHERE run_id = ANY (v_ended) AND closed = 0;
    END IF;
    RETURN v_landed;
END $$;

-- As in 0007, but for that, and a short way for one plain append alone, as a run that has the worker for itself makes them.
-- All that it asks is on the row that it changes: there is nothing to lock first, and a clock that was read too early for
-- the row as it is then only has it go the long way.
CREATE OR REPLACE FUNCTION commit_all(
    p_now bigint, p_touched text[],
    f_op int[], f_run text[], f_owner text[], f_epoch bigint[], f_length bigint[], f_first int[], f_rows int[],
    f_keep int[], f_due bigint[],
    r_op int[], r_run text[], r_seq bigint[], r_turn bigint[], r_epoch bigint[], r_type text[], r_key text[],
    r_payload bytea[], r_mail text[],
    p_more jsonb, p_data bytea[]
) RETURNS jsonb LANGUAGE plpgsql
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_bitmapscan = off SET jit = off
AS $$
DECLARE
    v_now bigint;
    v_landed int[];
    v_done boolean[] := '{}';
    v_place int;
    v_op jsonb;
    v_outcome jsonb;
    v_sent text;
    v_told jsonb[] := '{}';
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF cardinality(f_op) = 1 AND p_more = '[]' THEN
        v_now := coalesce(p_now, clock_ms());
        UPDATE runs SET length = f_length[1] + f_rows[1], at_ms = v_now, recoveries = recoveries * f_keep[1]
        WHERE run_id = f_run[1] AND owner IS NOT DISTINCT FROM f_owner[1] AND epoch = f_epoch[1]
            AND length = f_length[1] AND mail = 0 AND at_ms <= v_now AND f_due[1] <= v_now;
        IF FOUND THEN
            INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
            SELECT run_id, seq, turn, epoch, type, key, payload, v_now, mail_id
            FROM unnest(r_run, r_seq, r_turn, r_epoch, r_type, r_key, r_payload, r_mail)
                AS r (run_id, seq, turn, epoch, type, key, payload, mail_id);
            RETURN jsonb_build_object('now', v_now, 'told', '[]'::jsonb);
        END IF;
    END IF;
    PERFORM 1 FROM runs WHERE run_id = ANY (p_touched) ORDER BY run_id FOR NO KEY UPDATE;
    v_now := coalesce(p_now, clock_ms());

    IF cardinality(f_op) > 0 THEN
        WITH landed AS (
            UPDATE runs
            SET length = asked.length + asked.rows, at_ms = v_now, recoveries = runs.recoveries * asked.keep
            FROM unnest(f_op, f_run, f_owner, f_epoch, f_length, f_rows, f_keep, f_due)
                AS asked (op, run_id, owner, epoch, length, rows, keep, due)
            WHERE runs.run_id = asked.run_id AND runs.owner IS NOT DISTINCT FROM asked.owner AND runs.epoch = asked.epoch
                AND runs.length = asked.length AND runs.mail = 0 AND runs.at_ms <= v_now AND asked.due <= v_now
            RETURNING asked.op
        )
        SELECT array_agg(op) INTO v_landed FROM landed;
    END IF;
    IF p_more @? 'strict $[*] ? (@.together == true && @.do == "append")' THEN
        v_landed := v_landed || appends_together(v_now, p_more);
    END IF;
    IF p_more @? 'strict $[*] ? (@.together == true && @.do == "start")' THEN
        v_landed := v_landed || starts_together(v_now, p_more);
    END IF;
    IF cardinality(v_landed) > 0 THEN
        FOREACH v_place IN ARRAY v_landed LOOP
            v_done[v_place] := true;
        END LOOP;
        INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
        SELECT run_id, seq, turn, epoch, type, key, payload, v_now, mail_id
        FROM unnest(r_op, r_run, r_seq, r_turn, r_epoch, r_type, r_key, r_payload, r_mail)
            AS r (op, run_id, seq, turn, epoch, type, key, payload, mail_id)
        WHERE v_done[op];
    END IF;

    FOR v_place IN 1 .. cardinality(f_op) LOOP
        CONTINUE WHEN v_done[f_op[v_place]];
        v_op := jsonb_build_object(
            'run', f_run[v_place], 'owner', f_owner[v_place], 'epoch', f_epoch[v_place],
            'seq', f_length[v_place] + 1, 'first', f_first[v_place], 'rows', f_rows[v_place],
            'due', f_due[v_place]);
        IF f_keep[v_place] = 0 THEN
            v_op := v_op || '{"turn_completed": true}';
        END IF;
        v_outcome := append_one(v_now, v_op, r_turn, r_type, r_key, r_payload, r_mail, p_data);
        v_told := v_told || (v_outcome || jsonb_build_object('op', f_op[v_place]));
    END LOOP;
    FOR v_op IN SELECT value FROM jsonb_array_elements(p_more) WHERE v_done[(value->>'op')::int] IS NULL LOOP
        CASE v_op->>'do'
            WHEN 'append' THEN
                v_outcome := append_one(v_now, v_op, r_turn, r_type, r_key, r_payload, r_mail, p_data);
            WHEN 'start' THEN
                v_outcome := start_one(v_now, NULL, v_op, CASE WHEN v_op ? 'together' THEN r_payload ELSE p_data END);
            WHEN 'send' THEN
                v_sent := send_one(v_now, v_op, p_data);
                v_outcome := CASE WHEN v_sent IN ('sent', 'known') THEN jsonb_build_object('sent', v_sent)
                             ELSE jsonb_build_object('refused', v_sent) END;
        END CASE;
        v_told := v_told || (v_outcome || jsonb_build_object('op', v_op->'op'));
    END LOOP;
    RETURN jsonb_build_object('now', v_now, 'told', to_jsonb(v_told));
END $$;
