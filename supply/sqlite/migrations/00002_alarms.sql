-- +goose Up

-- Alarms, each once: what they are about and for which time around. Instants are nanoseconds since 1970; begin_at 0: none.
CREATE TABLE alarm (
    seq      INTEGER PRIMARY KEY CHECK (seq >= 1),
    at       INTEGER NOT NULL,
    cause    TEXT    NOT NULL,
    point    TEXT    NOT NULL,
    begin_at INTEGER NOT NULL,
    box      INTEGER NOT NULL,
    episode  INTEGER NOT NULL CHECK (episode >= 1),
    site     INTEGER NOT NULL,
    boxes    INTEGER NOT NULL,
    doses    INTEGER NOT NULL,
    UNIQUE (cause, point, begin_at, box, episode)
) STRICT;

CREATE TABLE alarm_cleared (
    seq INTEGER PRIMARY KEY REFERENCES alarm (seq),
    at  INTEGER NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER alarm_stay BEFORE UPDATE ON alarm BEGIN SELECT RAISE(ABORT, 'alarms are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER alarm_stay_there BEFORE DELETE ON alarm BEGIN SELECT RAISE(ABORT, 'alarms are only ever added'); END;
-- +goose StatementEnd

-- Plans of verdicts as they were previewed, by their digest; those that are wanted stay.
CREATE TABLE plan (
    digest TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
    body   BLOB    NOT NULL
) STRICT;

-- Who does the work in the background, until when.
CREATE TABLE lease (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    who   TEXT    NOT NULL,
    until INTEGER NOT NULL
) STRICT;
