-- Hooks, by the hash of their tokens; streams and their chunks; what the World decided on an event.
ALTER TABLE events ADD COLUMN decided TEXT;                     -- of a hook_conflict: the run that holds the token
ALTER TABLE runs ADD COLUMN writes INTEGER NOT NULL DEFAULT 0;  -- appends with chunks: the place of the next one

-- A worker's runs with mail, and nobody's of one workflow: who asks for either looks at no others.
DROP INDEX runs_by_mail;
CREATE INDEX runs_by_mail ON runs (owner, workflow) WHERE mail > 0;

CREATE TABLE hooks (
    id            INTEGER PRIMARY KEY,        -- the order of registration: SQLite takes the highest plus one
    run_id        TEXT NOT NULL,
    key           TEXT NOT NULL,
    token_hash    TEXT NOT NULL,
    seq           INTEGER NOT NULL,           -- of its hook_created, where the token and the metadata are
    webhook       INTEGER NOT NULL,
    expires_at_ms INTEGER,
    closed        INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (run_id, key)
) STRICT;

CREATE UNIQUE INDEX hooks_open ON hooks (token_hash) WHERE closed = 0;
CREATE INDEX hooks_by_token ON hooks (token_hash);
CREATE INDEX hooks_of_runs ON hooks (run_id, seq) WHERE closed = 0;

CREATE TABLE streams (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    length INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,        -- 1: by a writer, 2: by the end of its run
    UNIQUE (run_id, stream)
) STRICT;

CREATE TABLE chunks (
    stream_id INTEGER NOT NULL,
    idx       INTEGER NOT NULL,
    data      BLOB NOT NULL,
    step_id   TEXT,
    attempt   INTEGER NOT NULL,
    PRIMARY KEY (stream_id, idx)
) STRICT, WITHOUT ROWID;
