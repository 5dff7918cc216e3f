-- Runs that have ended, the first to end first: who removes them looks at no others.
CREATE INDEX runs_by_end ON runs (ended_at_ms, run_id) WHERE ended_at_ms IS NOT NULL;
