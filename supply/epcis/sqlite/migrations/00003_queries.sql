-- +goose Up

-- Questions that parties left under a name.
CREATE TABLE query (
    name    TEXT    PRIMARY KEY,
    party   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    body    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
