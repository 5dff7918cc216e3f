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
