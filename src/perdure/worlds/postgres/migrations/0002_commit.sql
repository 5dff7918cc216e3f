-- What a commit does: one call, one round trip, one transaction. Each operation is refused or done by itself.
--
-- A run's row is locked before anything of it is looked at, all that a commit names in the order of their ids, and only
-- then the clock is read. So a condition on columns of that row holds until the transaction's end. What is inside the
-- functions runs with the search_path of `commit_all`, and with plans that never scan a table.

-- Letters: into the inbox, where the run is alive and hasn't had them.
CREATE FUNCTION send_one(p_now bigint, p jsonb, p_data bytea[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_run text := p->>'run';
    v_mail text := p->>'mail';
    v_status text;
BEGIN
    SELECT status INTO v_status FROM runs WHERE run_id = v_run FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'UNKNOWN';
    END IF;
    IF EXISTS (SELECT 1 FROM inbox WHERE run_id = v_run AND mail_id = v_mail)
        OR EXISTS (SELECT 1 FROM events WHERE run_id = v_run AND mail_id = v_mail) THEN
        RETURN 'known';
    END IF;
    IF v_status IN ('completed', 'failed', 'cancelled') THEN
        RETURN 'ENDED';
    END IF;
    IF p ? 'hook' AND NOT EXISTS (
        SELECT 1 FROM hooks
        WHERE run_id = v_run AND key = p->>'hook' AND NOT closed AND (expires_at_ms IS NULL OR expires_at_ms > p_now)
    ) THEN
        RETURN 'HOOK';
    END IF;
    INSERT INTO inbox (run_id, mail_id, kind, key, payload)
    VALUES (v_run, v_mail, p->>'kind', p->>'key', p_data[(p->>'payload')::int]);
    UPDATE runs SET mail = mail + 1 WHERE run_id = v_run;
    RETURN 'sent';
END $$;

-- A run's row and its first events. p_at: of the append whose child this is; null: the clock.
CREATE FUNCTION start_one(p_now bigint, p_at bigint, p jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p->>'run';
    v_key text := p->>'idempotency_key';
    v_at bigint := coalesce(p_at, p_now);
    v_owner text;
    v_epoch bigint := 0;
    v_found record;
BEGIN
    IF p ? 'owner' THEN
        SELECT worker_id INTO v_owner FROM workers WHERE worker_id = p->>'owner' AND lease_until_ms > p_now;
    END IF;
    IF v_owner IS NOT NULL THEN
        v_epoch := 1;
    END IF;
    LOOP
        INSERT INTO runs (run_id, workflow, status, owner, epoch, length, at_ms, wake_at_ms, idempotency_key, parent_id,
                          root_id, attributes, deployment, created_at_ms, started_at_ms)
        VALUES (v_id, p->>'workflow', CASE v_epoch WHEN 0 THEN 'pending' ELSE 'running' END, v_owner, v_epoch,
                1 + v_epoch, v_at, CASE v_epoch WHEN 0 THEN coalesce((p->>'wake')::bigint, p_now) END, v_key,
                p->>'parent', p->>'root', coalesce(p->'attributes', '{}'), p->>'deployment', v_at,
                CASE v_epoch WHEN 1 THEN v_at END)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms)
            VALUES (v_id, 1, 0, v_epoch, 'run_created', '', p_data[(p->>'created')::int], v_at);
            IF v_epoch = 1 THEN
                INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms)
                VALUES (v_id, 2, 0, v_epoch, 'run_started', '', p_data[(p->>'started')::int], v_at);
            END IF;
            RETURN jsonb_build_object('run', v_id, 'created', true, 'owned', v_epoch = 1, 'at', v_at);
        END IF;
        SELECT run_id, owner, epoch, created_at_ms INTO v_found FROM runs WHERE run_id = v_id;
        IF FOUND THEN
            RETURN jsonb_build_object('run', v_id, 'created', false, 'at', v_found.created_at_ms,
                'owned', coalesce(v_found.owner = p->>'owner' AND v_found.epoch = 1, false));
        END IF;
        SELECT run_id, created_at_ms INTO v_found FROM runs WHERE idempotency_key = v_key;
        IF FOUND THEN
            RETURN jsonb_build_object('run', v_found.run_id, 'created', false, 'owned', false,
                'at', v_found.created_at_ms);
        END IF;
    END LOOP;  -- who was in the way has gone meanwhile
END $$;

-- Whether a hook that is to be open again finds its token taken.
CREATE FUNCTION hooks_taken(p_now bigint, p_run text, p_hooks jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_asked jsonb;
    v_token text;
    v_tokens text[] := '{}';
BEGIN
    FOR v_asked IN SELECT value FROM jsonb_array_elements(p_hooks) WHERE value->>'do' = 'reopen' LOOP
        SELECT token_hash INTO v_token FROM hooks
        WHERE run_id = p_run AND key = v_asked->>'key' AND closed AND (expires_at_ms IS NULL OR expires_at_ms > p_now);
        CONTINUE WHEN NOT FOUND;
        IF v_token = ANY (v_tokens) OR EXISTS (
            SELECT 1 FROM hooks
            WHERE token_hash = v_token AND NOT closed AND (expires_at_ms IS NULL OR expires_at_ms > p_now)
        ) THEN
            RETURN true;
        END IF;
        v_tokens := v_tokens || v_token;
    END LOOP;
    RETURN false;
END $$;

-- The run that has the token; null: it is free now, a hook that has expired doesn't keep it.
CREATE FUNCTION token_taken(p_now bigint, p_token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_holder record;
BEGIN
    SELECT run_id, expires_at_ms INTO v_holder FROM hooks WHERE token_hash = p_token AND NOT closed;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_holder.expires_at_ms IS NULL OR v_holder.expires_at_ms > p_now THEN
        RETURN v_holder.run_id;
    END IF;
    UPDATE hooks SET closed = true WHERE token_hash = p_token AND NOT closed AND expires_at_ms <= p_now;
    RETURN NULL;
END $$;

-- Does what the append asks for: first the reopenings, then the others in order. Rows that met a taken token, and who has
-- it. Two that register one token at a time meet at the partial unique index: the second waits, and looks again.
CREATE FUNCTION hooks_change(p_now bigint, p_at bigint, p_run text, p_seq bigint, p_hooks jsonb)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_asked jsonb;
    v_token text;
    v_holder text;
    v_conflicts jsonb := '{}';
BEGIN
    FOR v_asked IN SELECT value FROM jsonb_array_elements(p_hooks) WHERE value->>'do' = 'reopen' LOOP
        SELECT token_hash INTO v_token FROM hooks
        WHERE run_id = p_run AND key = v_asked->>'key' AND closed AND (expires_at_ms IS NULL OR expires_at_ms > p_now);
        CONTINUE WHEN NOT FOUND;
        PERFORM token_taken(p_now, v_token);
        UPDATE hooks SET closed = false WHERE run_id = p_run AND key = v_asked->>'key';
    END LOOP;
    FOR v_asked IN SELECT value FROM jsonb_array_elements(p_hooks) WHERE value->>'do' <> 'reopen' LOOP
        IF v_asked->>'do' = 'close' THEN
            UPDATE hooks SET closed = true WHERE run_id = p_run AND key = v_asked->>'key' AND NOT closed;
            CONTINUE;
        END IF;
        LOOP
            v_holder := token_taken(p_now, v_asked->>'token');
            EXIT WHEN v_holder IS NOT NULL;
            INSERT INTO hooks (run_id, key, token_hash, seq, webhook, expires_at_ms, created_at_ms)
            VALUES (p_run, v_asked->>'key', v_asked->>'token', p_seq + (v_asked->>'row')::int,
                    (v_asked->>'webhook')::boolean, (v_asked->>'expires')::bigint, p_at)
            ON CONFLICT (token_hash) WHERE NOT closed DO NOTHING;
            EXIT WHEN FOUND;
        END LOOP;
        IF v_holder IS NOT NULL THEN
            v_conflicts := v_conflicts || jsonb_build_object(v_asked->>'row', v_holder);
        END IF;
    END LOOP;
    RETURN v_conflicts;
END $$;

-- Adds what the append brings; the places of what was refused.
CREATE FUNCTION chunks_write(p_writer text, p_chunks jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_new jsonb;
    v_place bigint;
    v_status text;
    v_stream record;
    v_count int;
    v_refused jsonb := '[]';
BEGIN
    FOR v_new, v_place IN SELECT value, ordinality - 1 FROM jsonb_array_elements(p_chunks) WITH ORDINALITY LOOP
        SELECT status INTO v_status FROM runs WHERE run_id = v_new->>'run' FOR NO KEY UPDATE;
        -- the writer itself is alive: a seizure makes it run again
        IF NOT FOUND OR (v_status IN ('completed', 'failed', 'cancelled') AND v_new->>'run' <> p_writer) THEN
            v_refused := v_refused || to_jsonb(v_place);
            CONTINUE;
        END IF;
        SELECT id, length, closed INTO v_stream FROM streams
        WHERE run_id = v_new->>'run' AND stream = v_new->>'stream' FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            INSERT INTO streams (run_id, stream) VALUES (v_new->>'run', v_new->>'stream')
            RETURNING id, length, closed INTO v_stream;
        ELSIF v_stream.closed <> 0 THEN
            v_refused := v_refused || to_jsonb(v_place);
            CONTINUE;
        END IF;
        v_count := (v_new->>'count')::int;
        INSERT INTO chunks (stream_id, idx, data, step_id, attempt)
        SELECT v_stream.id, v_stream.length + i, p_data[(v_new->>'first')::int + i], v_new->>'step',
               (v_new->>'attempt')::bigint
        FROM generate_series(0, v_count - 1) AS i;
        UPDATE streams SET length = v_stream.length + v_count, closed = CASE WHEN v_new ? 'close' THEN 1 ELSE 0 END
        WHERE id = v_stream.id;
    END LOOP;
    RETURN v_refused;
END $$;

-- Why nothing of an append may be written; null: it may. The first reason that applies, in this order.
-- p_left counts the letters that the append doesn't take.
CREATE FUNCTION append_refusal(p_now bigint, p_run runs, p jsonb, p_left bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_status text := p->>'status';
    v_seizes boolean := p ? 'seize';
BEGIN
    IF p_run.status IN ('completed', 'failed', 'cancelled')
        AND NOT (v_seizes AND coalesce(v_status IN ('pending', 'running'), false)) THEN
        RETURN 'ENDED';
    ELSIF (p->>'epoch')::bigint <> p_run.epoch OR (NOT v_seizes AND p->>'owner' IS DISTINCT FROM p_run.owner) THEN
        RETURN 'FENCED';
    ELSIF (p->>'seq')::bigint <> p_run.length + 1 AND NOT (v_seizes AND (p->>'rows')::int = 0) THEN
        RETURN 'PLACE';
    ELSIF p ? 'chunks' AND (p->>'writes')::bigint <> p_run.writes THEN
        RETURN 'PLACE';
    ELSIF p_left > 0 AND (coalesce(v_status IN ('completed', 'failed', 'cancelled'), false) OR p ? 'all_mail'
                          OR (p ? 'release' AND NOT p ? 'hand_back')) THEN
        RETURN 'MAIL';
    ELSIF (p->>'due')::bigint > p_now THEN
        RETURN 'EARLY';
    ELSIF p ? 'hooks' AND hooks_taken(p_now, p_run.run_id, p->'hooks') THEN
        RETURN 'HOOK';
    END IF;
    RETURN NULL;
END $$;

-- The run's row after the append, but for its mail.
CREATE FUNCTION append_row(p_now bigint, p_run runs, p jsonb) RETURNS runs LANGUAGE plpgsql AS $$
DECLARE
    v runs := p_run;
    v_status text := p->>'status';
BEGIN
    v.status := coalesce(v_status, p_run.status);
    v.at_ms := greatest(p_now, p_run.at_ms);
    IF v.status IN ('completed', 'failed', 'cancelled', 'blocked') THEN
        v.owner := NULL;
        v.wake_at_ms := NULL;
    ELSIF p ? 'seize' THEN
        v.owner := NULL;
        v.wake_at_ms := coalesce((p->>'wake')::bigint, p_now);
    ELSIF p ? 'release' THEN
        v.owner := NULL;
        v.wake_at_ms := (p->>'wake')::bigint;
    END IF;
    IF p ? 'seize' THEN
        v.epoch := p_run.epoch + 1;
    END IF;
    v.length := p_run.length + (p->>'rows')::int;
    IF p ? 'chunks' THEN
        v.writes := p_run.writes + 1;
    END IF;
    IF p ? 'attributes' THEN
        v.attributes := jsonb_strip_nulls(p_run.attributes || (p->'attributes'));
    END IF;
    IF p ? 'turn_completed' THEN
        v.recoveries := 0;
    END IF;
    v.probation := p_run.probation OR p ? 'probation';
    IF v_status = 'running' AND p_run.started_at_ms IS NULL THEN
        v.started_at_ms := v.at_ms;
    END IF;
    v.ended_at_ms := CASE WHEN v_status IN ('completed', 'failed', 'cancelled') THEN v.at_ms END;
    RETURN v;
END $$;

-- What an append brings for others: children, then letters.
CREATE FUNCTION append_others(p_now bigint, p_at bigint, p jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_other jsonb;
    v_started jsonb;
    v_existing jsonb := '{}';
    v_born jsonb := '[]';
BEGIN
    FOR v_other IN SELECT value FROM jsonb_array_elements(p->'children') LOOP
        v_started := start_one(p_now, p_at, v_other, p_data);
        IF v_started->>'run' <> v_other->>'run' THEN
            v_existing := v_existing || jsonb_build_object(v_other->>'run', v_started->>'run');
        ELSIF (v_started->>'created')::boolean AND (v_started->>'owned')::boolean THEN
            v_born := v_born || jsonb_build_array(v_other->>'run');
        END IF;
    END LOOP;
    FOR v_other IN SELECT value FROM jsonb_array_elements(p->'letters') LOOP
        PERFORM send_one(p_now, v_other, p_data);
    END LOOP;
    RETURN jsonb_build_object('existing', v_existing, 'born', v_born);
END $$;

CREATE FUNCTION append_one(p_now bigint, p jsonb, r_turn bigint[], r_type text[], r_key text[], r_payload bytea[],
                           r_mail text[], p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_id text := p->>'run';
    v_seq bigint := (p->>'seq')::bigint;
    v_first int := (p->>'first')::int;
    v_rows int := (p->>'rows')::int;
    v_ends boolean := coalesce(p->>'status' IN ('completed', 'failed', 'cancelled'), false);
    v_taken text[];
    v_count bigint := 0;
    v_run runs;
    v_after runs;
    v_refusal text;
    v_conflicts jsonb := '{}';
    v_told jsonb := '{}';
BEGIN
    SELECT * INTO v_run FROM runs WHERE run_id = v_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('refused', 'UNKNOWN');
    END IF;
    IF p ? 'taken' AND v_run.mail > 0 THEN
        v_taken := ARRAY(SELECT jsonb_array_elements_text(p->'taken'));
        SELECT count(*) INTO v_count FROM inbox WHERE run_id = v_id AND mail_id = ANY (v_taken);
    END IF;
    v_refusal := append_refusal(p_now, v_run, p, v_run.mail - v_count);
    IF v_refusal IS NOT NULL THEN
        RETURN jsonb_build_object('refused', v_refusal);
    END IF;
    v_after := append_row(p_now, v_run, p);
    v_after.mail := v_run.mail - v_count;
    IF p ? 'hooks' THEN
        v_conflicts := hooks_change(p_now, v_after.at_ms, v_id, v_seq, p->'hooks');
        v_told := jsonb_build_object('conflicts', v_conflicts);
    END IF;
    IF v_run.status IN ('completed', 'failed', 'cancelled') THEN  -- it goes on
        UPDATE streams SET closed = 0 WHERE run_id = v_id AND closed = 2;
    END IF;
    IF p ? 'chunks' THEN
        v_told := v_told || jsonb_build_object('chunks', chunks_write(v_id, p->'chunks', p_data));
    END IF;
    IF v_ends THEN
        UPDATE hooks SET closed = true WHERE run_id = v_id AND NOT closed;
        UPDATE streams SET closed = 2 WHERE run_id = v_id AND closed = 0;
    END IF;
    UPDATE runs
    SET status = v_after.status, owner = v_after.owner, epoch = v_after.epoch, length = v_after.length,
        mail = v_after.mail, writes = v_after.writes, at_ms = v_after.at_ms, wake_at_ms = v_after.wake_at_ms,
        recoveries = v_after.recoveries, probation = v_after.probation, attributes = v_after.attributes,
        started_at_ms = v_after.started_at_ms, ended_at_ms = v_after.ended_at_ms
    WHERE run_id = v_id;
    INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id, decided)
    SELECT v_id, v_seq + i, r_turn[v_first + i], v_after.epoch,
           CASE WHEN v_conflicts ? i::text THEN 'hook_conflict' ELSE r_type[v_first + i] END,
           r_key[v_first + i], r_payload[v_first + i], v_after.at_ms, r_mail[v_first + i], v_conflicts->>i::text
    FROM generate_series(0, v_rows - 1) AS i;
    IF v_count > 0 THEN
        DELETE FROM inbox WHERE run_id = v_id AND mail_id = ANY (v_taken);
    END IF;
    IF p ? 'others' THEN
        v_told := v_told || append_others(p_now, v_after.at_ms, p, p_data);
        SELECT mail INTO v_after.mail FROM runs WHERE run_id = v_id;
    END IF;
    RETURN v_told || jsonb_build_object('at', v_after.at_ms, 'mail', v_after.mail);
END $$;

-- The whole of it. p_now: the clock, for tests; null: the server's. p_touched: every run that is named, in order.
-- f_*: plain appends, each to a run that nothing else here touches: one UPDATE states all the conditions for them all.
-- r_*: rows of logs; r_op is the plain append that they belong to, 0 for those of an operation in p_more.
-- p_more: all other operations. p_data: bytes, named by their place.
-- Comes back: `now`; `told`, the outcomes of all operations but the plain appends that were done as they are.
CREATE FUNCTION commit_all(
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
    v_done boolean[];
    v_place int;
    v_op jsonb;
    v_outcome jsonb;
    v_sent text;
    v_told jsonb[] := '{}';
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN  -- whatever the role or the database says: this is durable
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM 1 FROM runs WHERE run_id = ANY (p_touched) ORDER BY run_id FOR NO KEY UPDATE;
    v_now := coalesce(p_now, clock_ms());

    IF cardinality(f_op) > 0 THEN
        WITH landed AS (
            UPDATE runs
            SET length = asked.length + asked.rows, at_ms = v_now, recoveries = runs.recoveries * asked.keep
            FROM unnest(f_op, f_run, f_owner, f_epoch, f_length, f_rows, f_keep, f_due)
                AS asked (op, run_id, owner, epoch, length, rows, keep, due)
            WHERE runs.run_id = asked.run_id AND runs.owner = asked.owner AND runs.epoch = asked.epoch
                AND runs.length = asked.length AND runs.mail = 0 AND runs.at_ms <= v_now AND asked.due <= v_now
            RETURNING asked.op
        )
        SELECT array_agg(op) INTO v_landed FROM landed;
        v_done := array_fill(false, ARRAY[f_op[cardinality(f_op)]]);
        FOREACH v_place IN ARRAY coalesce(v_landed, '{}') LOOP
            v_done[v_place] := true;
        END LOOP;
        INSERT INTO events (run_id, seq, turn, epoch, type, key, payload, at_ms, mail_id)
        SELECT run_id, seq, turn, epoch, type, key, payload, v_now, mail_id
        FROM unnest(r_op, r_run, r_seq, r_turn, r_epoch, r_type, r_key, r_payload, r_mail)
            AS r (op, run_id, seq, turn, epoch, type, key, payload, mail_id)
        WHERE op > 0 AND v_done[op];
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
    END IF;

    FOR v_op IN SELECT value FROM jsonb_array_elements(p_more) LOOP
        CASE v_op->>'do'
            WHEN 'append' THEN
                v_outcome := append_one(v_now, v_op, r_turn, r_type, r_key, r_payload, r_mail, p_data);
            WHEN 'start' THEN
                v_outcome := start_one(v_now, NULL, v_op, p_data);
            WHEN 'send' THEN
                v_sent := send_one(v_now, v_op, p_data);
                v_outcome := CASE WHEN v_sent IN ('sent', 'known') THEN jsonb_build_object('sent', v_sent)
                             ELSE jsonb_build_object('refused', v_sent) END;
        END CASE;
        v_told := v_told || (v_outcome || jsonb_build_object('op', v_op->'op'));
    END LOOP;
    RETURN jsonb_build_object('now', v_now, 'told', to_jsonb(v_told));
END $$;
