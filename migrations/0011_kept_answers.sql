-- What requests with an `Idempotency-Key` were told, so that one that is sent again is told the same.

CREATE TABLE kept_answer (
    key    TEXT    PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
    asked  TEXT    NOT NULL, -- the hash of the request
    status INTEGER NOT NULL CHECK (status BETWEEN 200 AND 299),
    body   TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_answer_by_age ON kept_answer (at);
