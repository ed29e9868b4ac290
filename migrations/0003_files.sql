-- What a DAG file was read with: the `_defaults.yaml` of its folders, the farthest first, as a list of
-- {"path", "text"}. A run that is pinned to the version needs them as much as the text.
ALTER TABLE dag_version ADD COLUMN defaults TEXT NOT NULL DEFAULT '[]' CHECK (json_type(defaults) = 'array');

-- Named values of the deployment.
CREATE TABLE var (
    name       TEXT    PRIMARY KEY,
    value      TEXT    NOT NULL CHECK (json_valid(value)),
    updated_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
