-- Runs run again, tasks settled by hand, notes, and backfills. The table of runs is made anew, for its
-- CHECK names the types of runs; nothing that refers to it changes.

CREATE TABLE backfill (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    dag        TEXT    NOT NULL REFERENCES dag (id),
    first      INTEGER NOT NULL, -- the stretch: its first and its last instant
    last       INTEGER NOT NULL,
    mode       TEXT    NOT NULL CHECK (mode IN ('missing', 'failed', 'all')),
    take_order TEXT    NOT NULL CHECK (take_order IN ('oldest', 'newest')),
    max_active INTEGER NOT NULL CHECK (max_active > 0),
    params     TEXT    NOT NULL CHECK (json_type(params) = 'object'),
    force      INTEGER NOT NULL CHECK (force IN (0, 1)),
    asked_by   TEXT    NOT NULL,
    why        TEXT,
    state      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    CHECK (CASE state
        WHEN 'running'  THEN ended_at IS NULL
        WHEN 'paused'   THEN ended_at IS NULL
        WHEN 'success'  THEN ended_at IS NOT NULL
        WHEN 'failed'   THEN ended_at IS NOT NULL
        WHEN 'canceled' THEN ended_at IS NOT NULL
        ELSE FALSE
    END)
) STRICT;

CREATE INDEX backfill_by_dag ON backfill (dag, id);
CREATE INDEX backfill_active ON backfill (id) WHERE ended_at IS NULL;

CREATE TABLE run_new (
    id             INTEGER PRIMARY KEY CHECK (id > 0),
    dag            TEXT    NOT NULL REFERENCES dag (id),
    version        INTEGER NOT NULL REFERENCES dag_version (id),
    run_type       TEXT    NOT NULL CHECK (run_type IN ('manual', 'scheduled', 'backfill')),
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

INSERT INTO run_new SELECT *, NULL FROM run;
DROP TABLE run;
ALTER TABLE run_new RENAME TO run;

CREATE INDEX run_by_dag ON run (dag, id, state);
CREATE INDEX run_by_dag_and_state ON run (dag, state, id);
CREATE INDEX run_by_state ON run (state, id);
CREATE INDEX run_by_dag_and_date ON run (dag, logical_date, id);

-- One row for each instant of a backfill's stretch: a run, a run that is to run again, or a reason.
CREATE TABLE backfill_item (
    backfill INTEGER NOT NULL REFERENCES backfill (id),
    instant  INTEGER NOT NULL,
    place    INTEGER NOT NULL, -- in the order in which they are taken
    again    INTEGER REFERENCES run (id),
    run      INTEGER REFERENCES run (id),
    skipped  TEXT    CHECK (json_valid(skipped)),
    PRIMARY KEY (backfill, instant),
    CHECK (run IS NULL OR skipped IS NULL)
) STRICT, WITHOUT ROWID;

-- Tries made before the last clear use up no retry, and their outputs are not seen any more.
ALTER TABLE task_instance ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0 CHECK (attempts_before >= 0);

CREATE TABLE note (
    id   INTEGER PRIMARY KEY,
    run  INTEGER NOT NULL REFERENCES run (id),
    task INTEGER,
    text TEXT    NOT NULL,
    by   TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

CREATE INDEX note_by_run ON note (run, id);
