-- The newest runs of one workflow, for who looks: nobody reads through all the others for them.
CREATE INDEX runs_by_workflow ON runs (workflow, run_id);
