-- Runs that a task of another run called. The table of runs is made anew, for its CHECK names the types of runs;
-- nothing that refers to it changes.

CREATE TABLE run_0008 (
    id             INTEGER PRIMARY KEY CHECK (id > 0),
    dag            TEXT    NOT NULL REFERENCES dag (id),
    version        INTEGER NOT NULL REFERENCES dag_version (id),
    run_type       TEXT    NOT NULL CHECK (run_type IN ('manual', 'call', 'scheduled', 'backfill')),
    logical_date   INTEGER NOT NULL,
    interval_start INTEGER NOT NULL,
    interval_end   INTEGER NOT NULL,
    params         TEXT    NOT NULL CHECK (json_type(params) = 'object'),
    asked_by       TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    reason         TEXT    NOT NULL CHECK (json_valid(reason)),
    since          INTEGER NOT NULL, -- the state and reason are so since then
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    ended_at       INTEGER,
    backfill       INTEGER REFERENCES backfill (id) DEFERRABLE INITIALLY DEFERRED, -- makes room for it
    parent_run     INTEGER, -- the attempt that called it; that may be pruned before
    parent_task    INTEGER,
    parent_item    INTEGER,
    parent_number  INTEGER,
    depth          INTEGER, -- how many runs stand above it
    CHECK (CASE state
        WHEN 'queued'   THEN started_at IS NULL     AND ended_at IS NULL
        WHEN 'running'  THEN started_at IS NOT NULL AND ended_at IS NULL
        WHEN 'stopping' THEN started_at IS NOT NULL AND ended_at IS NULL
        WHEN 'success'  THEN started_at IS NOT NULL AND ended_at IS NOT NULL
        WHEN 'failed'   THEN started_at IS NOT NULL AND ended_at IS NOT NULL
        WHEN 'canceled' THEN ended_at IS NOT NULL
        ELSE FALSE
    END),
    CHECK ((run_type = 'call') = (parent_run IS NOT NULL)),
    CHECK (CASE WHEN parent_run IS NULL
        THEN coalesce(parent_task, parent_item, parent_number, depth) IS NULL
        ELSE parent_task >= 0 AND parent_item >= 0 AND parent_number > 0 AND depth > 0
    END)
) STRICT;

INSERT INTO run_0008 SELECT id, dag, version, run_type, logical_date, interval_start, interval_end, params,
    asked_by, state, reason, since, created_at, started_at, ended_at, backfill, NULL, NULL, NULL, NULL, NULL
FROM run;
DROP TABLE run;
ALTER TABLE run_0008 RENAME TO run;

CREATE INDEX run_by_dag ON run (dag, id, state);
CREATE INDEX run_by_dag_and_state ON run (dag, state, id);
CREATE INDEX run_by_state ON run (state, id);
CREATE INDEX run_by_dag_and_date ON run (dag, logical_date, id);
CREATE INDEX run_by_version ON run (version, id);

-- The key makes it impossible that one attempt calls twice.
CREATE UNIQUE INDEX run_by_parent ON run (parent_run, parent_task, parent_item, parent_number)
    WHERE parent_run IS NOT NULL;
