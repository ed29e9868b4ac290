-- The store as it begins. Instants are INTEGER nanoseconds since 1970-01-01T00:00:00Z, reasons and other
-- structured values are JSON text. `transition_log` is the truth; all other tables but `meta` are its
-- projections, and their CHECKs repeat the law of `decide/law.rs`: a CASE names every state there is and
-- what must hold in it. (A long IN list would build a temporary index at every write.)

PRAGMA application_id = 0x4e524e31; -- "NRN1"

CREATE TABLE meta (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    store      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    paused     INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)) -- everything is paused
) STRICT;

INSERT INTO meta (only, store, created_at)
VALUES (1, lower(hex(randomblob(16))), CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000000);

CREATE TABLE dag (
    id       TEXT    PRIMARY KEY,
    version  INTEGER NOT NULL REFERENCES dag_version (id) DEFERRABLE INITIALLY DEFERRED,
    schedule TEXT    NOT NULL, -- fingerprint; empty: none
    cursor   INTEGER NOT NULL, -- the schedule has been looked at up to here
    paused   INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    retired  INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TABLE dag_version (
    id         INTEGER PRIMARY KEY,
    dag        TEXT    NOT NULL REFERENCES dag (id),
    hash       TEXT    NOT NULL,
    path       TEXT    NOT NULL,
    tasks      TEXT    NOT NULL CHECK (json_type(tasks) = 'array'), -- ids in the order of the file
    created_at INTEGER NOT NULL,
    text       TEXT    NOT NULL
) STRICT;

CREATE INDEX dag_version_by_dag ON dag_version (dag, id);

CREATE TABLE run (
    id             INTEGER PRIMARY KEY CHECK (id > 0),
    dag            TEXT    NOT NULL REFERENCES dag (id),
    version        INTEGER NOT NULL REFERENCES dag_version (id),
    run_type       TEXT    NOT NULL CHECK (run_type IN ('manual', 'scheduled')),
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
    CHECK (CASE state
        WHEN 'queued'   THEN started_at IS NULL     AND ended_at IS NULL
        WHEN 'running'  THEN started_at IS NOT NULL AND ended_at IS NULL
        WHEN 'stopping' THEN started_at IS NOT NULL AND ended_at IS NULL
        WHEN 'success'  THEN started_at IS NOT NULL AND ended_at IS NOT NULL
        WHEN 'failed'   THEN started_at IS NOT NULL AND ended_at IS NOT NULL
        WHEN 'canceled' THEN ended_at IS NOT NULL
        ELSE FALSE
    END)
) STRICT;

CREATE INDEX run_by_dag ON run (dag, id, state);
CREATE INDEX run_by_dag_and_state ON run (dag, state, id);
CREATE INDEX run_by_state ON run (state, id);

-- The key makes it impossible that one instant fires twice.
CREATE TABLE tick (
    dag     TEXT    NOT NULL REFERENCES dag (id),
    instant INTEGER NOT NULL,
    run     INTEGER REFERENCES run (id) DEFERRABLE INITIALLY DEFERRED,
    skipped TEXT    CHECK (json_valid(skipped)),
    at      INTEGER NOT NULL,
    PRIMARY KEY (dag, instant),
    CHECK ((run IS NULL) <> (skipped IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE task_instance (
    run        INTEGER NOT NULL REFERENCES run (id),
    task       INTEGER NOT NULL CHECK (task >= 0),
    item       INTEGER NOT NULL CHECK (item >= 0),
    task_id    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL CHECK (json_valid(reason)),
    since      INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    retry_at   INTEGER CHECK (retry_at IS NULL OR state = 'up_for_retry'),
    started_at INTEGER, -- of the last attempt's process
    ended_at   INTEGER, -- when its state became final
    PRIMARY KEY (run, task, item),
    CHECK (CASE state
        WHEN 'waiting'         THEN ended_at IS NULL
        WHEN 'queued'          THEN ended_at IS NULL
        WHEN 'starting'        THEN ended_at IS NULL AND attempts > 0
        WHEN 'running'         THEN ended_at IS NULL AND attempts > 0
        WHEN 'stopping'        THEN ended_at IS NULL AND attempts > 0
        WHEN 'up_for_retry'    THEN ended_at IS NULL AND attempts > 0
        WHEN 'success'         THEN ended_at IS NOT NULL
        WHEN 'failed'          THEN ended_at IS NOT NULL
        WHEN 'upstream_failed' THEN ended_at IS NOT NULL
        WHEN 'skipped'         THEN ended_at IS NOT NULL
        WHEN 'canceled'        THEN ended_at IS NOT NULL
        WHEN 'removed'         THEN ended_at IS NOT NULL
        ELSE FALSE
    END)
) STRICT, WITHOUT ROWID;

-- What waits for its upstreams is left out: it is the bulk of a new run, and nobody asks for it alone.
CREATE INDEX task_instance_ready ON task_instance (run, task, item)
    WHERE ended_at IS NULL AND state <> 'waiting';

CREATE TABLE attempt (
    run        INTEGER NOT NULL,
    task       INTEGER NOT NULL,
    item       INTEGER NOT NULL,
    number     INTEGER NOT NULL CHECK (number > 0),
    state      TEXT    NOT NULL,
    reason     TEXT    NOT NULL CHECK (json_valid(reason)),
    created_at INTEGER NOT NULL,
    pid        INTEGER CHECK (pid > 0),
    started_at INTEGER,
    ended_at   INTEGER,
    exit_code  INTEGER,
    signal     INTEGER CHECK (signal > 0),
    PRIMARY KEY (run, task, item, number),
    FOREIGN KEY (run, task, item) REFERENCES task_instance (run, task, item),
    CHECK (CASE state
        WHEN 'starting' THEN started_at IS NULL     AND ended_at IS NULL
        WHEN 'running'  THEN started_at IS NOT NULL AND ended_at IS NULL
        WHEN 'stopping' THEN ended_at IS NULL
        WHEN 'success'  THEN ended_at IS NOT NULL
        WHEN 'failed'   THEN ended_at IS NOT NULL
        WHEN 'skipped'  THEN ended_at IS NOT NULL
        WHEN 'canceled' THEN ended_at IS NOT NULL
        WHEN 'lost'     THEN ended_at IS NOT NULL
        ELSE FALSE
    END),
    CHECK ((pid IS NULL) = (started_at IS NULL)),
    CHECK (ended_at IS NOT NULL OR (exit_code IS NULL AND signal IS NULL)),
    CHECK (exit_code IS NULL OR signal IS NULL)
) STRICT, WITHOUT ROWID;

-- Of successful attempts only. A value is inline JSON, or a file of the value folder.
CREATE TABLE output (
    run    INTEGER NOT NULL,
    task   INTEGER NOT NULL,
    item   INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name   TEXT    NOT NULL,
    value  TEXT    CHECK (json_valid(value)),
    sha256 TEXT    CHECK (length(sha256) = 64),
    bytes  INTEGER CHECK (bytes >= 0),
    PRIMARY KEY (run, task, item, number, name),
    FOREIGN KEY (run, task, item, number) REFERENCES attempt (run, task, item, number),
    CHECK ((value IS NULL) = (sha256 IS NOT NULL)),
    CHECK ((sha256 IS NULL) = (bytes IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE file_fault (
    path   TEXT    PRIMARY KEY,
    faults TEXT    NOT NULL CHECK (json_type(faults) = 'array'),
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE transition_log (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    run  INTEGER,
    body TEXT    NOT NULL
) STRICT;

CREATE INDEX transition_log_by_run ON transition_log (run, seq) WHERE run IS NOT NULL;
