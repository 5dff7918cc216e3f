-- Runs that ended long ago are removed, with all that hangs on them.

CREATE INDEX runs_by_end ON runs (ended_at_ms, run_id) WHERE ended_at_ms IS NOT NULL;

-- How many, at most p_limit, those that ended first. Rows that somebody else has locked (a retry) are left for the next
-- time. They are locked first and looked at by later statements: one alone would not see what an end has just written.
CREATE FUNCTION prune(p_now bigint, p_ended_for bigint, p_limit int) RETURNS int LANGUAGE plpgsql
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    v_before bigint := coalesce(p_now, clock_ms()) - p_ended_for;
    v_doomed text[];
BEGIN
    v_doomed := ARRAY(
        SELECT r.run_id FROM runs AS r
        WHERE r.ended_at_ms IS NOT NULL AND r.ended_at_ms <= v_before
            AND NOT EXISTS (SELECT 1 FROM runs AS parent WHERE parent.run_id = r.parent_id)
        ORDER BY r.ended_at_ms, r.run_id LIMIT p_limit FOR UPDATE OF r SKIP LOCKED);
    DELETE FROM chunks WHERE stream_id IN (SELECT s.id FROM streams AS s WHERE s.run_id = ANY (v_doomed));
    DELETE FROM streams WHERE run_id = ANY (v_doomed);
    DELETE FROM hooks WHERE run_id = ANY (v_doomed);
    DELETE FROM inbox WHERE run_id = ANY (v_doomed);
    DELETE FROM events WHERE run_id = ANY (v_doomed);
    DELETE FROM runs WHERE run_id = ANY (v_doomed);
    RETURN cardinality(v_doomed);
END $$;
