-- The hook with this token, the open one before the one that was registered last, and the event that registered it. One
-- statement is one snapshot, whatever it asks.
CREATE FUNCTION find_hook(p_token text)
RETURNS TABLE (
    run_id text, key text, token_hash text, seq bigint, webhook boolean, expires_at_ms bigint, closed boolean,
    created_at_ms bigint,
    event_seq bigint, turn bigint, epoch bigint, type text, event_key text, payload bytea, at_ms bigint, mail_id text,
    decided text
)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    v_hook perdure.hooks;
BEGIN
    SELECT * INTO v_hook FROM perdure.hooks AS h WHERE h.token_hash = p_token AND NOT h.closed;
    IF NOT FOUND THEN
        SELECT * INTO v_hook FROM perdure.hooks AS h WHERE h.token_hash = p_token ORDER BY h.id DESC LIMIT 1;
    END IF;
    RETURN QUERY
    SELECT v_hook.run_id, v_hook.key, v_hook.token_hash, v_hook.seq, v_hook.webhook, v_hook.expires_at_ms, v_hook.closed,
           v_hook.created_at_ms,
           e.seq, e.turn, e.epoch, e.type, e.key, e.payload, e.at_ms, e.mail_id, e.decided
    FROM perdure.events AS e WHERE e.run_id = v_hook.run_id AND e.seq = v_hook.seq;
END $$;

-- As in 0013, but whoever sends a letter is told how many wait for a run that its own worker owns.
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
    v_whole boolean;
    v_done boolean[] := '{}';
    v_place int;
    v_op jsonb;
    v_outcome jsonb;
    v_sent text;
    v_waiting bigint;
    v_told jsonb[] := '{}';
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM 1 FROM runs WHERE run_id = ANY (p_touched || f_run) ORDER BY run_id FOR NO KEY UPDATE;
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
    v_whole := coalesce(cardinality(v_landed), 0) = cardinality(f_op) + jsonb_array_length(p_more);
    IF cardinality(v_landed) > 0 THEN
        IF NOT v_whole THEN
            FOREACH v_place IN ARRAY v_landed LOOP
                v_done[v_place] := true;
            END LOOP;
        END IF;
        INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
        SELECT run_id, seq, turn, epoch, type, key, payload, v_now, mail_id
        FROM unnest(r_op, r_run, r_seq, r_turn, r_epoch, r_type, r_key, r_payload, r_mail)
            AS r (op, run_id, seq, turn, epoch, type, key, payload, mail_id)
        WHERE v_whole OR v_done[op];
    END IF;
    IF v_whole THEN
        RETURN jsonb_build_object('now', v_now, 'told', '[]'::jsonb);
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
                IF v_sent = 'sent' AND v_op ? 'owner' THEN
                    SELECT mail INTO v_waiting FROM runs WHERE run_id = v_op->>'run' AND owner = v_op->>'owner';
                    v_outcome := v_outcome || jsonb_build_object('mail', coalesce(v_waiting, 0));
                END IF;
        END CASE;
        v_told := v_told || (v_outcome || jsonb_build_object('op', v_op->'op'));
    END LOOP;
    RETURN jsonb_build_object('now', v_now, 'told', to_jsonb(v_told));
END $$;
