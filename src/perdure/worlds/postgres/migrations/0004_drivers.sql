-- For other drivers: a run is started, a payload sent, in the caller's own transaction. Who may call `start_run` and
-- `send` needs no table: they run with the rights of the schema's owner, under a search_path that is pinned to it.
--
-- A start is a row that nobody else has seen, and is written at once. A letter locks its run's row, and a worker's
-- commit would wait for that lock as long as the caller's transaction lasts, with all its other runs: so it is an
-- errand, run when the caller commits.

-- What transactions have left to do at their commit. No other transaction ever sees a row of it.
CREATE TABLE errands (
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id          bigint GENERATED ALWAYS AS IDENTITY,
    run_id      text COLLATE "C" NOT NULL,
    letter      jsonb,                          -- as `send_one` has it, but for its payload; null: the run was started
    payload     text,                           -- of the letter: JSON
    PRIMARY KEY (transaction, id)
);

-- The text as a column keeps it: see `text.py`. NUL is in no text of SQL's.
CREATE FUNCTION written(p text) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT replace(p, chr(1), chr(1) || chr(2))';

-- Ids, as `model/ids.py` makes them: five bits a character, the highest first.
CREATE FUNCTION crockford(p bigint, p_length int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (p >> (5 * place) & 31)::int + 1, 1), ''
                      ORDER BY place DESC)
    FROM generate_series(0, p_length - 1) AS place
$$;

-- Eight characters for each five of the bytes.
CREATE FUNCTION crockford(p bytea) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(crockford(('x' || encode(substr(p, place, 5), 'hex'))::bit(40)::bigint, 8), '' ORDER BY place)
    FROM generate_series(1, length(p), 5) AS place
$$;

-- Bytes 0 to 5 and 10 to 13 of a random UUID are random throughout.
CREATE FUNCTION ulid(p_ms bigint) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT crockford(p_ms, 10) || crockford(substr(u, 1, 6) || substr(u, 11, 4)) FROM uuid_send(gen_random_uuid()) AS u
$$;

CREATE FUNCTION token_hash(p_token text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(convert_to('perdure-token:' || p_token, 'UTF8')), 'hex')
$$;

CREATE FUNCTION answer_id(p_run text, p_hash text, p_key text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'mail_' || crockford(substr(sha256(convert_to(concat_ws(chr(10), p_run, p_hash, p_key), 'UTF8')), 1, 15))
$$;

-- Plain JSON as a payload has it, where an object with the key `$` would be a tag: see docs/payloads.md.
CREATE FUNCTION untagged(p jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF strpos(p::text, '"$"') = 0 THEN
        RETURN p;
    ELSIF jsonb_typeof(p) = 'array' THEN
        RETURN (
            SELECT jsonb_agg(untagged(value) ORDER BY place)
            FROM jsonb_array_elements(p) WITH ORDINALITY AS e (value, place));
    ELSIF jsonb_typeof(p) <> 'object' THEN
        RETURN p;
    ELSIF p ? '$' THEN
        RETURN jsonb_build_object('$', 'map', 'v', (
            SELECT jsonb_agg(jsonb_build_array(key, untagged(value)) ORDER BY key COLLATE "C") FROM jsonb_each(p)));
    END IF;
    RETURN (SELECT jsonb_object_agg(key, untagged(value)) FROM jsonb_each(p));
END $$;

-- The same, checked. Raises 22023 for what Python couldn't read back.
CREATE FUNCTION plain(p_what text, p jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_reason text;
BEGIN
    IF octet_length(p::text) > 16777216 THEN
        v_reason := 'it takes more than 16 MiB: keep it elsewhere and record where it is';
    ELSIF jsonb_path_exists(p, 'strict $.**{201}') THEN
        v_reason := 'it is nested more than 200 levels deep: flatten it, or keep it elsewhere and record where it is';
    ELSIF jsonb_path_exists(p, 'strict $.** ? (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308)') THEN
        v_reason := 'a number in it is beyond every float: give it as a text';
    ELSE
        RETURN untagged(p);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = p_what || ' can''t be recorded: ' || v_reason;
END $$;

-- The arguments as `run_created` keeps them: by name, or by position for the worker to bind.
CREATE FUNCTION input_of(p jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_kind text := coalesce(jsonb_typeof(p), 'object');
    v_plain jsonb;
BEGIN
    IF v_kind NOT IN ('object', 'array') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the arguments are a JSON ' || v_kind
                || ': give an object by name, {"name": "Ann"}, or an array by position, ["Ann"]';
    END IF;
    v_plain := plain('arguments', p);
    IF v_kind = 'array' THEN
        RETURN v_plain;
    END IF;  -- the names are no tags, whatever they are
    RETURN coalesce((SELECT jsonb_object_agg(key, untagged(value)) FROM jsonb_each(p)), '{}');
END $$;

-- As `check_attributes` in `api/options.py` has them.
CREATE FUNCTION attributes_of(p jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_key text;
    v_value jsonb;
    v_reason text;
    v_count int := 0;
BEGIN
    IF jsonb_typeof(p) <> 'object' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the attributes are a JSON ' || jsonb_typeof(p)
                || ': give an object of texts, {"customer": "c-1"}';
    END IF;
    FOR v_key, v_value IN SELECT key, value FROM jsonb_each(p) LOOP
        v_count := v_count + 1;
        v_reason := CASE
            WHEN v_count > 64 THEN 'there are more of them than the 64 that are allowed'
            WHEN v_key = '' THEN 'its key has no character'
            WHEN char_length(v_key) > 256 THEN 'its key has ' || char_length(v_key) || ' characters, 256 are allowed'
            WHEN jsonb_typeof(v_value) <> 'string' THEN
                'its value is a JSON ' || jsonb_typeof(v_value) || ', not a text'
            WHEN octet_length(v_value #>> '{}') > 256 THEN 'its value is longer than 256 bytes'
        END;
        IF v_reason IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('the attribute ''%s'' can''t be set: %s', left(v_key, 256), v_reason);
        END IF;
    END LOOP;
    RETURN (SELECT jsonb_object_agg(written(key), written(value)) FROM jsonb_each_text(p));
END $$;

-- When a run that is started now is due; null: at once.
CREATE FUNCTION due_of(p_now bigint, p_delay interval) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_ms numeric := ceil(extract(epoch FROM p_delay)::numeric * 1000);
BEGIN
    IF v_ms < 0 OR v_ms > 3162240000000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('the delay %s is ', p_delay)
                || CASE WHEN v_ms < 0 THEN 'negative' ELSE 'longer than a hundred years' END;
    END IF;
    RETURN p_now + v_ms::bigint;
END $$;

-- Why a run isn't the one that a start with its key, or its id, asks for; null: it is; '?': it has gone since.
CREATE FUNCTION start_conflict(p_run text, p_workflow text, p_input jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v record;
    v_same boolean;
BEGIN
    SELECT r.workflow, e.payload INTO v FROM runs AS r JOIN events AS e ON e.run_id = r.run_id AND e.seq = 1
    WHERE r.run_id = p_run;
    IF NOT FOUND THEN
        RETURN '?';
    ELSIF v.workflow <> written(p_workflow) THEN
        RETURN 'of another workflow, ' || v.workflow || ': choose another key';
    ELSIF substr(v.payload, 1, 1) <> '{' THEN
        RETURN 'whose arguments are compressed or encrypted, and can''t be compared here: choose another key';
    END IF;
    BEGIN
        v_same := (convert_from(v.payload, 'UTF8')::json -> 'input')::jsonb = p_input;
    EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
        v_same := false;  -- it holds what jsonb can't
    END;
    RETURN CASE WHEN NOT v_same THEN 'with other arguments: choose another key, or give the same arguments' END;
END $$;

-- Start a run of a workflow, by its name; the run's id. It exists, and is claimable, once the transaction commits.
--
-- `arguments`: an object by name, or an array by position; plain JSON, to which the workflow's annotations give types.
-- `idempotency_key` belongs to the world for as long as its run is kept: a second start with it, and the same workflow
-- and arguments, gives that run's id. `delay` postpones the start. `run_id`: an id of the caller's own making.
-- Raises: 22023 for what can't be recorded, 23505 where the key (or id) belongs to another start; the detail is its run.
CREATE FUNCTION start_run(
    workflow text, arguments jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL, delay interval DEFAULT NULL,
    attributes jsonb DEFAULT '{}', run_id text DEFAULT NULL
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_now bigint := clock_ms();
    v_id text := coalesce(run_id, 'wrun_' || ulid(v_now));
    v_input jsonb := input_of(arguments);
    v_due bigint := due_of(v_now, delay);
    v_created text;
    v_words jsonb;
    v_told jsonb;
    v_conflict text;
BEGIN
    IF coalesce(workflow, '') = '' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'no workflow is named: give its name, such as app.orders:fulfil';
    ELSIF v_id !~ '^wrun_[0-9A-HJKMNP-TV-Z]{26}$' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE =
            format('%L is not a run''s id: one looks like wrun_ and 26 letters and digits', left(v_id, 80));
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN  -- what was committed is durable, whatever the role says
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    v_created := '{"workflow":' || to_json(workflow) || ',"input":' || v_input
        || coalesce(',"idempotency_key":' || to_json(idempotency_key), '')
        || coalesce(',"due_ms":' || v_due, '') || '}';
    v_words := jsonb_strip_nulls(jsonb_build_object(
        'run', v_id, 'workflow', written(workflow), 'deployment', '', 'created', 1, 'wake', v_due,
        'idempotency_key', written(idempotency_key), 'attributes', attributes_of(attributes)));
    LOOP
        v_told := start_one(v_now, NULL, v_words, ARRAY[convert_to(v_created, 'UTF8')]);
        IF (v_told->>'created')::boolean THEN
            INSERT INTO errands (run_id) VALUES (v_id);
            RETURN v_id;
        END IF;
        v_conflict := start_conflict(v_told->>'run', workflow, v_input);
        IF v_conflict IS NULL THEN
            RETURN v_told->>'run';
        ELSIF v_conflict <> '?' THEN
            RAISE EXCEPTION USING ERRCODE = 'unique_violation', DETAIL = v_told->>'run', MESSAGE = format(
                'the %s belongs to run %s %s',
                CASE WHEN v_told->>'run' = v_id THEN 'id' ELSE 'idempotency key' END, v_told->>'run', v_conflict);
        END IF;
    END LOOP;
END $$;

-- Whether a letter with this id was accepted: null: none was; false: it was another one.
CREATE FUNCTION letter_was(p_run text, p_mail text, p_payload jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_kept bytea;
BEGIN
    SELECT k.payload INTO v_kept FROM (
        SELECT i.payload FROM inbox AS i WHERE i.run_id = p_run AND i.mail_id = p_mail
        UNION ALL
        SELECT e.payload FROM events AS e WHERE e.run_id = p_run AND e.mail_id = p_mail
    ) AS k LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF substr(v_kept, 1, 1) <> '{' THEN
        RETURN true;  -- compressed or encrypted: who tries again is believed
    END IF;
    RETURN (convert_from(v_kept, 'UTF8')::json -> 'payload')::jsonb = p_payload;
EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
    RETURN false;  -- it holds what jsonb can't
END $$;

CREATE FUNCTION no_hook() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found',
        MESSAGE = 'no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended';
END $$;

CREATE FUNCTION other_payload() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'unique_violation',
        MESSAGE = 'the idempotency key was used with another payload: give the same payload, or another key';
END $$;

-- Send a payload to the hook with this token; the id of its run. It is delivered when the transaction commits.
--
-- `payload` is plain JSON, to which the hook's type gives types. With an `idempotency_key` a second try of the same
-- payload is accepted without effect, even after the hook has been closed.
-- Raises: P0002 where no hook takes a payload under this token, here or (it was closed meanwhile) at the commit; 22023
-- for what can't be recorded, or a webhook's token; 23505 where the key was used with another payload.
CREATE FUNCTION send(token text, payload jsonb DEFAULT 'null', idempotency_key text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_now bigint := clock_ms();
    v_hash text := token_hash(token);
    v_payload jsonb := plain('payload', coalesce(payload, 'null'));
    v_hook hooks;
    v_mail text;
    v_known boolean;
BEGIN
    SELECT * INTO v_hook FROM hooks AS h WHERE h.token_hash = v_hash AND NOT h.closed;
    IF NOT FOUND AND idempotency_key IS NOT NULL THEN
        SELECT * INTO v_hook FROM hooks AS h WHERE h.token_hash = v_hash ORDER BY h.id DESC LIMIT 1;
    END IF;
    IF v_hook.id IS NULL THEN
        PERFORM no_hook();
    ELSIF v_hook.webhook THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'this token is a webhook''s, which takes HTTP requests alone: send one to its URL';
    END IF;
    IF idempotency_key IS NULL THEN
        v_mail := 'mail_' || ulid(v_now);
    ELSE
        v_mail := answer_id(v_hook.run_id, v_hash, idempotency_key);
        v_known := letter_was(v_hook.run_id, v_mail, v_payload);
    END IF;
    IF NOT v_known THEN
        PERFORM other_payload();
    ELSIF v_known IS NULL AND (v_hook.closed OR v_hook.expires_at_ms <= v_now) THEN
        PERFORM no_hook();
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    INSERT INTO errands (run_id, letter, payload) VALUES (
        v_hook.run_id,
        jsonb_build_object('run', v_hook.run_id, 'mail', v_mail, 'kind', 'hook_received', 'key', v_hook.key,
                           'hook', v_hook.key, 'payload', 1),
        v_payload::text);
    RETURN v_hook.run_id;
END $$;

-- All errands of the transaction, at the first row's turn: the runs are locked in the order of their ids. Then the
-- workers are told: by one transaction at a time, for those that notify queue for a lock. Who finds another at it goes
-- without: a hint may be lost.
CREATE FUNCTION run_errands() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_now bigint;
    v_errand errands;
    v_sent text;
BEGIN
    PERFORM 1 FROM errands AS e WHERE e.transaction = NEW.transaction AND e.id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;  -- it is done
    END IF;
    PERFORM 1 FROM runs AS r
    WHERE r.run_id = ANY (ARRAY(SELECT e.run_id FROM errands AS e WHERE e.transaction = NEW.transaction))
    ORDER BY r.run_id FOR NO KEY UPDATE;
    v_now := clock_ms();
    FOR v_errand IN
        SELECT * FROM errands AS e WHERE e.transaction = NEW.transaction AND e.letter IS NOT NULL ORDER BY e.id
    LOOP
        v_sent := send_one(v_now, v_errand.letter, ARRAY[convert_to(
            '{"payload":' || v_errand.payload || ',"sent_ms":' || v_now || '}', 'UTF8')]);
        IF v_sent = 'known' THEN
            IF NOT letter_was(v_errand.run_id, v_errand.letter->>'mail', v_errand.payload::jsonb) THEN
                PERFORM other_payload();
            END IF;
        ELSIF v_sent <> 'sent' THEN
            PERFORM no_hook();
        END IF;
    END LOOP;
    DELETE FROM errands AS e WHERE e.transaction = NEW.transaction;
    IF pg_try_advisory_xact_lock(hashtext('perdure notifies'), hashtext(TG_TABLE_SCHEMA)) THEN
        PERFORM pg_notify('perdure_' || left(encode(sha256(convert_to(TG_TABLE_SCHEMA, 'UTF8')), 'hex'), 32), '');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER errands_at_commit AFTER INSERT ON errands
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION run_errands();

REVOKE ALL ON FUNCTION start_run(text, jsonb, text, interval, jsonb, text), send(text, jsonb, text) FROM PUBLIC;
