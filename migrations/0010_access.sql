-- Users, tokens, and what they may do. Hashes stand apart: they are no part of the log, so a replay of it
-- takes them from the store that it compares with.

CREATE TABLE user (
    name        TEXT    PRIMARY KEY CHECK (name <> ''),
    role        TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'author', 'admin')),
    dags        TEXT    CHECK (json_type(dags) = 'array'), -- NULL: all
    added_at    INTEGER NOT NULL,
    added_by    TEXT    NOT NULL,
    password_at INTEGER NOT NULL, -- whoever logged in before is logged out
    login_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE user_secret (
    name TEXT PRIMARY KEY REFERENCES user (name),
    hash TEXT NOT NULL CHECK (hash LIKE '$argon2id$%')
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    name       TEXT    PRIMARY KEY CHECK (name <> ''),
    prefix     TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'author', 'admin')),
    dags       TEXT    CHECK (json_type(dags) = 'array'), -- NULL: all
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    expires_at INTEGER,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE token_secret (
    name TEXT PRIMARY KEY REFERENCES token (name),
    hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
) STRICT, WITHOUT ROWID;
