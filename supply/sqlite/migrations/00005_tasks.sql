-- +goose Up

-- Work that takes longer than a request: who has it until when, and how far it is. Instants are nanoseconds since 1970; 0: none. Forgotten after a day.
CREATE TABLE task (
    id        TEXT    PRIMARY KEY,
    asker     TEXT    NOT NULL,
    what      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    wish      BLOB    NOT NULL,
    state     TEXT    NOT NULL CHECK (state IN ('waits', 'runs', 'done', 'failed', 'stopped')),
    node      TEXT    NOT NULL,
    until     INTEGER NOT NULL,
    looked    INTEGER NOT NULL,
    sites     INTEGER NOT NULL,
    of_sites  INTEGER NOT NULL,
    near      INTEGER NOT NULL,
    people    INTEGER NOT NULL,
    of_people INTEGER NOT NULL,
    result    TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
