-- Waits for other DAGs (`deferred`), and items of a `foreach`: each expanded task has an instance per item (1, 2, …) beside the one that stands for
-- the task as a whole (item 0), which is `expanded` while they are at work.

CREATE TABLE task_instance_0002 (
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
    fan        INTEGER, -- the `foreach` whose items it and its siblings are for; of expanded tasks only
    PRIMARY KEY (run, task, item),
    CHECK (item = 0 OR fan IS NOT NULL),
    CHECK (CASE state
        WHEN 'waiting'         THEN ended_at IS NULL
        WHEN 'queued'          THEN ended_at IS NULL
        WHEN 'starting'        THEN ended_at IS NULL AND attempts > 0
        WHEN 'running'         THEN ended_at IS NULL AND attempts > 0
        WHEN 'stopping'        THEN ended_at IS NULL AND attempts > 0
        WHEN 'up_for_retry'    THEN ended_at IS NULL AND attempts > 0
        WHEN 'deferred'        THEN ended_at IS NULL
        WHEN 'expanded'        THEN ended_at IS NULL AND item = 0 AND fan IS NOT NULL
        WHEN 'success'         THEN ended_at IS NOT NULL
        WHEN 'failed'          THEN ended_at IS NOT NULL
        WHEN 'upstream_failed' THEN ended_at IS NOT NULL
        WHEN 'skipped'         THEN ended_at IS NOT NULL
        WHEN 'canceled'        THEN ended_at IS NOT NULL
        WHEN 'removed'         THEN ended_at IS NOT NULL
        ELSE FALSE
    END)
) STRICT, WITHOUT ROWID;

INSERT INTO task_instance_0002
SELECT run, task, item, task_id, state, reason, since, attempts, retry_at, started_at, ended_at, NULL
FROM task_instance;

DROP TABLE task_instance;
ALTER TABLE task_instance_0002 RENAME TO task_instance;

CREATE INDEX task_instance_ready ON task_instance (run, task, item)
    WHERE ended_at IS NULL AND state <> 'waiting';

-- A wait for another DAG asks for its run of a date.
CREATE INDEX run_by_dag_and_date ON run (dag, logical_date, id);

CREATE TABLE item (
    run   INTEGER NOT NULL REFERENCES run (id),
    fan   INTEGER NOT NULL CHECK (fan >= 0),
    item  INTEGER NOT NULL CHECK (item > 0),
    key   TEXT, -- what people see of it beside its number
    value TEXT    NOT NULL CHECK (json_valid(value)),
    PRIMARY KEY (run, fan, item)
) STRICT, WITHOUT ROWID;
