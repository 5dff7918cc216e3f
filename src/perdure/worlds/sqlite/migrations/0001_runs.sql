-- Runs, their logs, their mail, and who may write: see docs/design.md. Never edit a migration: add one.

CREATE TABLE runs (
    run_id          TEXT PRIMARY KEY,
    workflow        TEXT NOT NULL,
    status          TEXT NOT NULL,
    owner           TEXT,                       -- the worker that may append, fenced by epoch
    epoch           INTEGER NOT NULL,
    length          INTEGER NOT NULL,           -- events in the log: the next seq is length + 1
    mail            INTEGER NOT NULL DEFAULT 0, -- letters in the inbox
    at_ms           INTEGER NOT NULL,           -- of the last append: `at` never goes back
    wake_at_ms      INTEGER,
    recoveries      INTEGER NOT NULL DEFAULT 0,
    probation       INTEGER NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    parent_id       TEXT,
    root_id         TEXT,
    attributes      TEXT,                       -- a JSON object, or NULL for none
    deployment      TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    started_at_ms   INTEGER,
    ended_at_ms     INTEGER
) STRICT, WITHOUT ROWID;

-- What a claim asks for, and nothing else: a live run is in the first of these only.
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_wake ON runs (workflow, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX runs_by_mail ON runs (workflow) WHERE mail > 0;

CREATE UNIQUE INDEX runs_by_key ON runs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE events (
    run_id  TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    turn    INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    type    TEXT NOT NULL,
    key     TEXT NOT NULL,
    payload BLOB NOT NULL,
    at_ms   INTEGER NOT NULL,
    mail_id TEXT,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- A letter is in a log at most once.
CREATE UNIQUE INDEX events_by_mail ON events (run_id, mail_id) WHERE mail_id IS NOT NULL;

CREATE TABLE inbox (
    seq     INTEGER PRIMARY KEY,                -- the order of acceptance: SQLite takes the highest plus one
    run_id  TEXT NOT NULL,
    mail_id TEXT NOT NULL,
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (run_id, mail_id)
) STRICT;

CREATE TABLE workers (
    worker_id      TEXT PRIMARY KEY,
    lease_until_ms INTEGER NOT NULL,
    graceful       INTEGER NOT NULL,            -- it took leave: the runs it left behind don't count as deaths
    process        TEXT NOT NULL,
    workflows      TEXT NOT NULL,               -- a JSON array
    deployment     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
