-- Runs that only workers of one deployment may claim. Every index that a claim asks has the pin: no worker looks at the
-- runs of others.

ALTER TABLE runs ADD COLUMN pin text COLLATE "C" NOT NULL DEFAULT '';  -- a deployment; '': any

DROP INDEX runs_by_owner, runs_by_wake, runs_by_mail;
CREATE INDEX runs_by_owner ON runs (owner, pin) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_wake ON runs (workflow, pin, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX runs_by_mail ON runs (owner, workflow, pin) WHERE mail > 0;

-- As in 0002, and the pin.
CREATE OR REPLACE FUNCTION start_one(p_now bigint, p_at bigint, p jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
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
                          root_id, attributes, deployment, pin, created_at_ms, started_at_ms)
        VALUES (v_id, p->>'workflow', CASE v_epoch WHEN 0 THEN 'pending' ELSE 'running' END, v_owner, v_epoch,
                1 + v_epoch, v_at, CASE v_epoch WHEN 0 THEN coalesce((p->>'wake')::bigint, p_now) END, v_key,
                p->>'parent', p->>'root', coalesce(p->'attributes', '{}'), p->>'deployment', coalesce(p->>'pin', ''),
                v_at, CASE v_epoch WHEN 1 THEN v_at END)
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

-- As in 0007, and the pin.
CREATE OR REPLACE FUNCTION starts_together(p_now bigint, p_more jsonb) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
    v_made jsonb;
BEGIN
    WITH made AS (
        INSERT INTO runs (run_id, workflow, status, owner, epoch, length, at_ms, wake_at_ms, idempotency_key, parent_id,
                          root_id, attributes, deployment, pin, created_at_ms, started_at_ms)
        SELECT o.run, o.workflow, CASE WHEN o.owner IS NULL THEN 'pending' ELSE 'running' END, o.owner,
               CASE WHEN o.owner IS NULL THEN 0 ELSE 1 END, CASE WHEN o.owner IS NULL THEN 1 ELSE 2 END, p_now,
               CASE WHEN o.owner IS NULL THEN coalesce(o.wake, p_now) END, o.idempotency_key, o.parent, o.root,
               coalesce(o.attributes, '{}'), o.deployment, coalesce(o.pin, ''), p_now,
               CASE WHEN o.owner IS NOT NULL THEN p_now END
        FROM jsonb_to_recordset(p_more) AS o ("do" text, together boolean, run text, workflow text, owner text,
            wake bigint, idempotency_key text, parent text, root text, attributes jsonb, deployment text, pin text)
        LEFT JOIN workers AS w ON w.worker_id = o.owner AND w.lease_until_ms > p_now
        WHERE o."do" = 'start' AND o.together AND (o.owner IS NULL OR w.worker_id IS NOT NULL)
        ON CONFLICT DO NOTHING
        RETURNING run_id
    )
    SELECT jsonb_object_agg(run_id, true) INTO v_made FROM made;
    RETURN ARRAY(
        SELECT o.op FROM jsonb_to_recordset(p_more) AS o ("do" text, together boolean, op int, run text)
        WHERE o."do" = 'start' AND o.together AND v_made ? o.run);
END $$;

-- As in 0002, and the run's own pin: few appends change it, so it is an UPDATE of its own.
CREATE OR REPLACE FUNCTION append_others(p_now bigint, p_at bigint, p jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    IF p ? 'pin' THEN
        UPDATE runs SET pin = p->>'pin' WHERE run_id = p->>'run';
    END IF;
    RETURN jsonb_build_object('existing', v_existing, 'born', v_born);
END $$;

-- As in 0003, but for runs that are pinned to another deployment than the worker's.
DROP FUNCTION claim(bigint, text, text[], int, int);
CREATE FUNCTION claim(p_now bigint, p_worker text, p_workflows text[], p_deployment text, p_limit int,
                      p_suspect int)
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
    v_pin text;
    v_pins text[] := ARRAY(SELECT DISTINCT pin FROM unnest(ARRAY['', p_deployment]) AS pin);
    v_found runs;
    v_ids text[] := '{}';
    v_due bigint[] := '{}';
    v_died boolean[] := '{}';
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    FOR v_dead, v_graceful, v_pin IN
        SELECT worker_id, graceful, pin FROM workers, unnest(v_pins) AS pin
        WHERE lease_until_ms <= v_now AND worker_id <> p_worker
    LOOP
        FOR v_found IN
            SELECT * FROM runs WHERE owner = v_dead AND pin = v_pin AND workflow = ANY (p_workflows)
            LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_ids := v_ids || v_found.run_id;
            v_due := v_due || 0::bigint;
            v_died := v_died || NOT v_graceful;
        END LOOP;
    END LOOP;
    FOR v_flow, v_pin IN SELECT DISTINCT flow, pin FROM unnest(p_workflows) AS flow, unnest(v_pins) AS pin LOOP
        FOR v_found IN
            SELECT * FROM runs
            WHERE owner IS NULL AND workflow = v_flow AND pin = v_pin AND mail > 0 AND status IN ('pending', 'running')
            LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            v_ids := v_ids || v_found.run_id;
            v_due := v_due || 0::bigint;
            v_died := v_died || false;
        END LOOP;
        FOR v_found IN
            SELECT * FROM runs
            WHERE workflow = v_flow AND pin = v_pin AND wake_at_ms IS NOT NULL AND wake_at_ms <= v_now AND mail = 0
                AND owner IS NULL
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
