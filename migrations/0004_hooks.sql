-- Deadlines that were missed, and hooks that became due with their deliveries.

CREATE TABLE lateness (
    run  INTEGER NOT NULL REFERENCES run (id),
    task INTEGER NOT NULL CHECK (task >= -1), -- whose deadline; -1: the run's
    kind TEXT    NOT NULL CHECK (CASE kind
        WHEN 'late_start'  THEN TRUE
        WHEN 'warning'     THEN TRUE
        WHEN 'late_finish' THEN TRUE
        ELSE FALSE
    END),
    due  INTEGER NOT NULL,
    at   INTEGER NOT NULL, -- when it was told
    PRIMARY KEY (run, task, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE hook (
    id          INTEGER PRIMARY KEY CHECK (id > 0),
    run         INTEGER NOT NULL REFERENCES run (id),
    task        INTEGER CHECK (task >= 0), -- whose hook; NULL: the DAG's
    point       TEXT    NOT NULL,          -- on_success, on_failure, ...
    step        INTEGER NOT NULL CHECK (step >= 0),
    action      TEXT    NOT NULL,
    cause       TEXT    NOT NULL CHECK (json_type(cause) = 'object'),
    state       TEXT    NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    retries     INTEGER NOT NULL CHECK (retries >= 0),
    retry_delay INTEGER NOT NULL CHECK (retry_delay >= 0), -- nanoseconds
    retry_at    INTEGER,
    error       TEXT,                      -- of the last try
    due_at      INTEGER NOT NULL,
    tried_at    INTEGER,                   -- the end of the last try
    CHECK (CASE state
        WHEN 'pending'   THEN (tries = 0) = (error IS NULL)
        WHEN 'delivered' THEN tries > 0 AND error IS NULL     AND retry_at IS NULL
        WHEN 'failed'    THEN tries > 0 AND error IS NOT NULL AND retry_at IS NULL
        ELSE FALSE
    END),
    CHECK ((tries = 0) = (tried_at IS NULL))
) STRICT;

CREATE INDEX hook_by_run ON hook (run, id);
CREATE INDEX hook_by_state ON hook (state, id);
