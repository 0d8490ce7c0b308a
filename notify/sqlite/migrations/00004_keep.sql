-- +goose Up

-- What an event tells beside its kind, as JSON: of an erasure the counts. who is empty when nobody but the operator acted.
ALTER TABLE event ADD COLUMN what TEXT NOT NULL DEFAULT '{}';

-- The chain over the events, see package chain: written in the transaction of the event, and for what was there before when the file is opened.
CREATE TABLE IF NOT EXISTS event_chain (
    seq   INTEGER PRIMARY KEY,
    chain BLOB    NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS event_chain_stay BEFORE UPDATE ON event_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS event_chain_stay_there BEFORE DELETE ON event_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
