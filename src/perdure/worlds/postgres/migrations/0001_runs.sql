-- Runs, their logs, their mail, hooks and streams, and who may write. Never edit a migration: add one.
-- Run with search_path = the world's schema. Texts are as `text.py` writes them, and compared by their bytes.

CREATE TABLE runs (
    run_id          text COLLATE "C" PRIMARY KEY,
    workflow        text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    owner           text COLLATE "C",           -- the worker that may append, fenced by epoch
    epoch           bigint NOT NULL,
    length          bigint NOT NULL,            -- events in the log: the next seq is length + 1
    mail            bigint NOT NULL DEFAULT 0,  -- letters in the inbox
    writes          bigint NOT NULL DEFAULT 0,  -- appends with chunks: the place of the next one
    at_ms           bigint NOT NULL,            -- of the last append: `at` never goes back
    wake_at_ms      bigint,
    recoveries      bigint NOT NULL DEFAULT 0,
    probation       boolean NOT NULL DEFAULT false,
    idempotency_key text COLLATE "C",
    parent_id       text COLLATE "C",
    root_id         text COLLATE "C",
    attributes      jsonb NOT NULL DEFAULT '{}',
    deployment      text COLLATE "C" NOT NULL,
    created_at_ms   bigint NOT NULL,
    started_at_ms   bigint,
    ended_at_ms     bigint
) WITH (fillfactor = 70);                       -- a plain append changes no indexed column: room for it in the page

-- What a claim asks for, and nothing else: a live run is in the first of these only.
CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_wake ON runs (workflow, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX runs_by_mail ON runs (owner, workflow) WHERE mail > 0;

CREATE UNIQUE INDEX runs_by_key ON runs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent_id, run_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_by_workflow ON runs (workflow, run_id);
CREATE INDEX runs_by_attributes ON runs USING gin (attributes jsonb_path_ops) WHERE attributes <> '{}';

CREATE TABLE events (
    run_id  text COLLATE "C" NOT NULL,
    seq     bigint NOT NULL,
    turn    bigint NOT NULL,
    epoch   bigint NOT NULL,
    type    text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    at_ms   bigint NOT NULL,
    mail_id text COLLATE "C",
    decided text COLLATE "C",                   -- of a hook_conflict: the run that holds the token
    PRIMARY KEY (run_id, seq)
);

-- A letter is in a log at most once.
CREATE UNIQUE INDEX events_by_mail ON events (run_id, mail_id) WHERE mail_id IS NOT NULL;

CREATE TABLE inbox (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- taken under the run's lock: the order of acceptance
    run_id  text COLLATE "C" NOT NULL,
    mail_id text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    payload bytea NOT NULL,
    UNIQUE (run_id, mail_id)
);

CREATE TABLE hooks (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the order of registration
    run_id        text COLLATE "C" NOT NULL,
    key           text COLLATE "C" NOT NULL,
    token_hash    text COLLATE "C" NOT NULL,
    seq           bigint NOT NULL,              -- of its hook_created, where the token and the metadata are
    webhook       boolean NOT NULL,
    expires_at_ms bigint,
    closed        boolean NOT NULL DEFAULT false,
    created_at_ms bigint NOT NULL,
    UNIQUE (run_id, key)
);

CREATE UNIQUE INDEX hooks_open ON hooks (token_hash) WHERE NOT closed;
CREATE INDEX hooks_by_token ON hooks (token_hash, id);
CREATE INDEX hooks_of_runs ON hooks (run_id, seq) WHERE NOT closed;

CREATE TABLE streams (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL,
    stream text COLLATE "C" NOT NULL,
    length bigint NOT NULL DEFAULT 0,
    closed smallint NOT NULL DEFAULT 0,         -- 1: by a writer, 2: by the end of its run
    UNIQUE (run_id, stream)
) WITH (fillfactor = 70);

CREATE TABLE chunks (
    stream_id bigint NOT NULL,
    idx       bigint NOT NULL,
    data      bytea NOT NULL,
    step_id   text COLLATE "C",
    attempt   bigint NOT NULL,
    PRIMARY KEY (stream_id, idx)
);

CREATE TABLE workers (
    worker_id      text COLLATE "C" PRIMARY KEY,
    lease_until_ms bigint NOT NULL,
    graceful       boolean NOT NULL,            -- it took leave: the runs it left behind don't count as deaths
    process        text NOT NULL,
    workflows      jsonb NOT NULL,              -- an array
    deployment     text NOT NULL,
    seen_ms        bigint NOT NULL              -- its last beat or claim: who is forgotten is told by a column
) WITH (fillfactor = 50);

CREATE FUNCTION clock_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';
