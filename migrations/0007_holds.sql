-- Maintenance windows, and single ticks that were skipped or moved.

CREATE TABLE hold (
    id         INTEGER PRIMARY KEY CHECK (id > 0),
    dags       TEXT    CHECK (json_type(dags) = 'array'), -- NULL: all
    opens_at   INTEGER NOT NULL,
    closes_at  INTEGER NOT NULL CHECK (closes_at >= opens_at),
    resume     TEXT    NOT NULL CHECK (resume IN ('all', 'latest', 'none')),
    why        TEXT    NOT NULL,
    added_by   TEXT    NOT NULL,
    added_at   INTEGER NOT NULL,
    removed_by TEXT,
    ended_at   INTEGER -- all that it held up is decided since then
) STRICT;

CREATE INDEX hold_not_over ON hold (id) WHERE ended_at IS NULL;

CREATE TABLE tick_change (
    dag        TEXT    NOT NULL REFERENCES dag (id),
    instant    INTEGER NOT NULL,
    moved_to   INTEGER, -- NULL: it is skipped
    why        TEXT    NOT NULL,
    changed_by TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (dag, instant)
) STRICT, WITHOUT ROWID;
