-- Runs that only workers of one deployment may claim. Every index that a claim asks has the pin: no worker looks at the
-- runs of others.
ALTER TABLE runs ADD COLUMN pin TEXT NOT NULL DEFAULT '';   -- a deployment; '': any

DROP INDEX runs_by_owner;
DROP INDEX runs_by_wake;
DROP INDEX runs_by_mail;
CREATE INDEX runs_by_owner ON runs (owner, pin) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_wake ON runs (workflow, pin, wake_at_ms) WHERE wake_at_ms IS NOT NULL;
CREATE INDEX runs_by_mail ON runs (owner, workflow, pin) WHERE mail > 0;
