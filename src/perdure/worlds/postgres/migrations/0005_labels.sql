-- Runs by their attributes. A GIN index never forgets a value that it had once, and values such as an order's number
-- don't come again: it would grow with every run that there ever was.
DROP INDEX runs_by_attributes;

-- An index, as a table that a trigger keeps. Two attributes may share a hash: who asks it looks at the attributes, too.
CREATE TABLE labels (
    hash   bigint NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (hash, run_id)
);

-- As `label_hash` in `query.py`.
CREATE FUNCTION label_hash(p_key text, p_value text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || encode(substr(sha256(convert_to(
        octet_length(p_key) || ':' || p_key || p_value, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint
$$;

CREATE FUNCTION label_run() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM labels AS l
        WHERE l.run_id = OLD.run_id
            AND l.hash = ANY (ARRAY(SELECT label_hash(key, value) FROM jsonb_each_text(OLD.attributes)));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO labels (hash, run_id)
        SELECT label_hash(key, value), NEW.run_id FROM jsonb_each_text(NEW.attributes)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER label_new AFTER INSERT ON runs
FOR EACH ROW WHEN (NEW.attributes <> '{}') EXECUTE FUNCTION label_run();
CREATE TRIGGER label_changed AFTER UPDATE OF attributes ON runs
FOR EACH ROW WHEN (OLD.attributes <> NEW.attributes) EXECUTE FUNCTION label_run();
CREATE TRIGGER label_removed AFTER DELETE ON runs
FOR EACH ROW WHEN (OLD.attributes <> '{}') EXECUTE FUNCTION label_run();

INSERT INTO labels (hash, run_id)
SELECT label_hash(key, value), run_id FROM runs, jsonb_each_text(attributes) ON CONFLICT DO NOTHING;
