-- A payload's way to its run, shortened: who sends one alone, who looks a hook up, and the append that takes a letter, or
-- closes a hook, each have a short function beside `commit_all`.

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

-- A letter that is a commit by itself. How many letters wait for a run that p_owner owns, this among them; 0: it is
-- another's. Null: nothing was written, for it was sent before, or is refused: `commit_all` says which.
CREATE FUNCTION send_alone(
    p_now bigint, p_run text, p_mail text, p_kind text, p_key text, p_payload bytea, p_hook text, p_owner text
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_now bigint;
    v_owner text;
    v_waiting bigint;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    SELECT owner, mail + 1 INTO v_owner, v_waiting FROM perdure.runs
    WHERE run_id = p_run AND status NOT IN ('completed', 'failed', 'cancelled') FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    v_now := coalesce(p_now, perdure.clock_ms());
    PERFORM 1 FROM perdure.events WHERE run_id = p_run AND mail_id = p_mail;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF p_hook IS NOT NULL THEN
        PERFORM 1 FROM perdure.hooks
        WHERE run_id = p_run AND key = p_hook AND NOT closed AND (expires_at_ms IS NULL OR expires_at_ms > v_now);
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO perdure.inbox (run_id, mail_id, kind, key, payload) VALUES (p_run, p_mail, p_kind, p_key, p_payload)
    ON CONFLICT (run_id, mail_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE perdure.runs SET mail = v_waiting WHERE run_id = p_run;
    RETURN CASE WHEN v_owner = p_owner THEN v_waiting ELSE 0 END;
END $$;

-- As in 0013, and it may take a letter, if no other waits, and close a hook. That of 0013 stays, for workers that go on
-- meanwhile.
CREATE FUNCTION append_alone(
    p_now bigint, p_run text, p_owner text, p_epoch bigint, p_length bigint, p_due bigint, p_turn_completed boolean,
    p_status text, p_release boolean, p_wake bigint, p_rows int,
    p_turn bigint, p_type text, p_key text, p_payload bytea, p_mail text,
    q_turn bigint, q_type text, q_key text, q_payload bytea, q_mail text,
    r_turn bigint[], r_type text[], r_key text[], r_payload bytea[], r_mail text[],
    p_letter text, p_closed text
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_now bigint := coalesce(p_now, perdure.clock_ms());
    v_ends boolean := false;
    v_leaves boolean;
    v_mail CONSTANT bigint := CASE WHEN p_letter IS NULL THEN 0 ELSE 1 END;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF p_letter IS NOT NULL THEN
        PERFORM 1 FROM perdure.runs WHERE run_id = p_run FOR NO KEY UPDATE;  -- from here on the inbox stays as it is
        PERFORM 1 FROM perdure.inbox WHERE run_id = p_run AND mail_id = p_letter;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END IF;
    IF p_status IS NULL AND NOT p_release THEN
        UPDATE perdure.runs
        SET length = p_length + p_rows, mail = 0, at_ms = v_now,
            recoveries = CASE WHEN p_turn_completed THEN 0 ELSE recoveries END
        WHERE run_id = p_run AND owner IS NOT DISTINCT FROM p_owner AND epoch = p_epoch
            AND length = p_length AND mail = v_mail AND at_ms <= v_now AND p_due <= v_now;
    ELSE
        v_ends := coalesce(p_status IN ('completed', 'failed', 'cancelled'), false);
        v_leaves := v_ends OR coalesce(p_status = 'blocked', false);
        UPDATE perdure.runs
        SET length = p_length + p_rows, mail = 0, at_ms = v_now, status = coalesce(p_status, status),
            owner = CASE WHEN v_leaves OR p_release THEN NULL ELSE owner END,
            wake_at_ms = CASE WHEN v_leaves THEN NULL WHEN p_release THEN p_wake ELSE wake_at_ms END,
            recoveries = CASE WHEN p_turn_completed THEN 0 ELSE recoveries END,
            started_at_ms = CASE WHEN p_status = 'running' THEN coalesce(started_at_ms, v_now) ELSE started_at_ms END,
            ended_at_ms = CASE WHEN v_ends THEN v_now END
        WHERE run_id = p_run AND owner IS NOT DISTINCT FROM p_owner AND epoch = p_epoch
            AND length = p_length AND mail = v_mail AND at_ms <= v_now AND p_due <= v_now;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO perdure.events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
    SELECT p_run, p_length + place, turn, p_epoch, type, key, payload, v_now, mail_id
    FROM (VALUES (1, p_turn, p_type, p_key, p_payload, p_mail), (2, q_turn, q_type, q_key, q_payload, q_mail))
        AS r (place, turn, type, key, payload, mail_id)
    WHERE place <= p_rows;
    IF p_rows > 2 THEN
        INSERT INTO perdure.events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
        SELECT p_run, p_length + 2 + place, turn, p_epoch, type, key, payload, v_now, mail_id
        FROM unnest(r_turn, r_type, r_key, r_payload, r_mail) WITH ORDINALITY
            AS r (turn, type, key, payload, mail_id, place);
    END IF;
    IF p_letter IS NOT NULL THEN
        DELETE FROM perdure.inbox WHERE run_id = p_run AND mail_id = p_letter;
    END IF;
    IF p_closed IS NOT NULL THEN
        UPDATE perdure.hooks SET closed = true WHERE run_id = p_run AND key = p_closed AND NOT closed;
    END IF;
    IF v_ends THEN
        UPDATE perdure.hooks SET closed = true WHERE run_id = p_run AND NOT closed;
        UPDATE perdure.streams SET closed = 2 WHERE run_id = p_run AND closed = 0;
    END IF;
    RETURN v_now;
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
