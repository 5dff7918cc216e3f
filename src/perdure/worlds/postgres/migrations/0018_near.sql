-- Whoever writes to a run of its own looks for that letter itself: it is told so, and nobody is given a hint.

-- As in 0012, and which of the letters' runs are the owner's own.
CREATE OR REPLACE FUNCTION append_others(p_now bigint, p_at bigint, p jsonb, p_data bytea[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_other jsonb;
    v_started jsonb;
    v_existing jsonb := '{}';
    v_born jsonb := '[]';
    v_near jsonb := '[]';
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
        IF send_one(p_now, v_other, p_data) = 'sent' THEN
            PERFORM 1 FROM runs WHERE run_id = v_other->>'run' AND owner = p->>'owner';
            IF FOUND THEN
                v_near := v_near || jsonb_build_array(v_other->>'run');
            END IF;
        END IF;
    END LOOP;
    IF p ? 'pin' THEN
        UPDATE runs SET pin = p->>'pin' WHERE run_id = p->>'run';
    END IF;
    IF p ? 'times' THEN
        UPDATE events SET at_ms = taken.at_ms
        FROM (
            SELECT (p->>'seq')::bigint + place - 1 AS seq, at_ms::bigint
            FROM jsonb_array_elements_text(p->'times') WITH ORDINALITY AS t (at_ms, place)
        ) AS taken
        WHERE events.run_id = p->>'run' AND events.seq = taken.seq;
        UPDATE runs
        SET at_ms = greatest(at_ms, (SELECT max(t.value::bigint) FROM jsonb_array_elements_text(p->'times') AS t))
        WHERE run_id = p->>'run';
    END IF;
    RETURN jsonb_build_object('existing', v_existing, 'born', v_born, 'near', v_near);
END $$;
