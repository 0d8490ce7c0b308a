-- +goose Up

-- The layer of blind indexes, see seal.Keys.Indexes. The version before this one writes and reads layer 0 alone: rotate blind
-- indexes when every node is of this version.
ALTER TABLE roster ADD COLUMN layer INTEGER NOT NULL DEFAULT 0 CHECK (layer >= 0);
ALTER TABLE temporary_identity ADD COLUMN layer INTEGER NOT NULL DEFAULT 0 CHECK (layer >= 0);

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
