-- A page of a stream, as `stream.py` asks for it: in a function, whose plan is kept, and is the right one. Before the server
-- has counted a table's rows it takes a long stream for a short one, and reads and sorts all that follows to find a page.
--
-- One statement is one snapshot. No row where there is no such run; no length where nobody has written to the stream.
CREATE FUNCTION read_page(p_run text, p_stream text, p_first bigint, p_most bigint, p_bytes bigint)
RETURNS TABLE (
    status text, length bigint, closed smallint, indexes bigint[], data bytea[], steps text[], attempts bigint[]
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.status, s.length, s.closed, page.*
    FROM perdure.runs AS r
    LEFT JOIN perdure.streams AS s ON s.run_id = r.run_id AND s.stream = p_stream
    LEFT JOIN LATERAL (
        SELECT array_agg(idx), array_agg(sized.data), array_agg(step_id), array_agg(attempt)
        FROM (
            SELECT asked.*, sum(octet_length(asked.data)) OVER (ORDER BY idx) - octet_length(asked.data) AS before
            FROM (
                SELECT idx, chunks.data, step_id, attempt FROM perdure.chunks
                WHERE stream_id = s.id AND idx >= p_first ORDER BY idx LIMIT p_most
            ) AS asked ORDER BY idx
        ) AS sized WHERE before < p_bytes
    ) AS page ON true
    WHERE r.run_id = p_run;
END $$;
