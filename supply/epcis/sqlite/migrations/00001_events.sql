-- +goose Up

-- Events in the order of their capture. Times are microseconds since 1970. What a query can ask for is read out of the body
-- once, here; the body itself is the event as it was written.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    name        BLOB    NOT NULL CHECK (length(name) = 16), -- the first half of SHA-256(id): a random text is a costly key
    declared    INTEGER NOT NULL CHECK (declared IN (0, 1)),
    id          TEXT    NOT NULL,
    content     BLOB    NOT NULL CHECK (length(content) = 32),
    declaration BLOB    NOT NULL CHECK (length(declaration) IN (0, 32)),
    time        INTEGER NOT NULL,
    recorded    INTEGER NOT NULL,
    party       TEXT    NOT NULL, -- who told it
    type        TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    step        TEXT    NOT NULL,
    disposition TEXT    NOT NULL,
    read_point  TEXT    NOT NULL,
    location    TEXT    NOT NULL,
    context     INTEGER NOT NULL REFERENCES context (id),
    body        TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX event_once ON event (name, declared);
CREATE INDEX event_time ON event (time);
CREATE INDEX event_recorded ON event (recorded);
CREATE INDEX event_step ON event (step, time);
CREATE INDEX event_disposition ON event (disposition, time);
CREATE INDEX event_location ON event (location, time);
CREATE INDEX event_declared ON event (time) WHERE declared = 1;

CREATE TABLE context (
    id   INTEGER PRIMARY KEY,
    body TEXT    NOT NULL UNIQUE
) STRICT;

-- Every thing, lot and product that an event ever named, once: a box is in many events.
CREATE TABLE thing (
    id  INTEGER PRIMARY KEY,
    key TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE mention (
    thing INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    role  INTEGER NOT NULL,
    PRIMARY KEY (thing, seq, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    id       TEXT    PRIMARY KEY,
    party    TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    events   INTEGER NOT NULL,
    added    INTEGER NOT NULL,
    problem  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened is only ever added to: a wrong event gets an error declaration.
-- +goose StatementBegin
CREATE TRIGGER event_stay BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER event_stay_there BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
