-- Old runs are pruned. A tick outlives its run, for no instant may fire twice: it keeps the run's number. The
-- largest number that is gone is remembered, so that none is ever used again.

CREATE TABLE tick_0006 (
    dag     TEXT    NOT NULL REFERENCES dag (id),
    instant INTEGER NOT NULL,
    run     INTEGER REFERENCES run (id) DEFERRABLE INITIALLY DEFERRED,
    pruned  INTEGER CHECK (pruned > 0), -- the number of its run, which is gone
    skipped TEXT    CHECK (json_valid(skipped)),
    at      INTEGER NOT NULL,
    PRIMARY KEY (dag, instant),
    CHECK ((run IS NULL) + (pruned IS NULL) + (skipped IS NULL) = 2)
) STRICT, WITHOUT ROWID;

INSERT INTO tick_0006 SELECT dag, instant, run, NULL, skipped, at FROM tick;
DROP TABLE tick;
ALTER TABLE tick_0006 RENAME TO tick;

CREATE INDEX tick_by_run ON tick (run) WHERE run IS NOT NULL;
CREATE INDEX run_by_version ON run (version, id);
CREATE INDEX output_by_file ON output (sha256) WHERE sha256 IS NOT NULL;

-- The log keeps that a pruned version was in force, without its text.
CREATE INDEX transition_log_by_version ON transition_log (json_extract(body, '$.version')) WHERE run IS NULL;

ALTER TABLE meta ADD COLUMN last_pruned INTEGER NOT NULL DEFAULT 0; -- the largest number of a run that is gone

-- What a backfill did outlives its runs too: the numbers stay, and refer to nothing once the runs are gone.
CREATE TABLE backfill_item_0006 (
    backfill INTEGER NOT NULL REFERENCES backfill (id),
    instant  INTEGER NOT NULL,
    place    INTEGER NOT NULL, -- in the order in which they are taken
    again    INTEGER,
    run      INTEGER,
    skipped  TEXT    CHECK (json_valid(skipped)),
    PRIMARY KEY (backfill, instant),
    CHECK (run IS NULL OR skipped IS NULL)
) STRICT, WITHOUT ROWID;

INSERT INTO backfill_item_0006 SELECT * FROM backfill_item;
DROP TABLE backfill_item;
ALTER TABLE backfill_item_0006 RENAME TO backfill_item;
