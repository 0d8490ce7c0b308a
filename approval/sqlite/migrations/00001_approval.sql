-- +goose Up

-- IF NOT EXISTS throughout: a server and a command may create the file at the same moment.
-- What happened to requests, in order: the JSON as it was written, and the chain over all rows up to it. No names.
CREATE TABLE IF NOT EXISTS events (
    seq   INTEGER PRIMARY KEY CHECK (seq >= 1),
    body  TEXT    NOT NULL,
    chain BLOB    NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- What each request is about, whose digest is in its first event.
CREATE TABLE IF NOT EXISTS bodies (
    request INTEGER PRIMARY KEY CHECK (request >= 1),
    body    BLOB    NOT NULL CHECK (length(body) BETWEEN 1 AND 1048576)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_follow BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'events are numbered without gaps'); END;
-- +goose StatementEnd

-- What happened is only ever added to. Whoever wants it otherwise has to take these away first, which is seen.
-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay_there BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS bodies_stay BEFORE UPDATE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS bodies_stay_there BEFORE DELETE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies are only ever added'); END;
-- +goose StatementEnd
