-- Groups that have run again as a whole; one that has not has no row.

CREATE TABLE group_try (
    run      INTEGER NOT NULL REFERENCES run (id),
    group_id TEXT    NOT NULL,
    number   INTEGER NOT NULL CHECK (number BETWEEN 2 AND tries), -- of the try that it is at
    tries    INTEGER NOT NULL, -- how many it has
    since    INTEGER NOT NULL,
    PRIMARY KEY (run, group_id)
) STRICT, WITHOUT ROWID;
