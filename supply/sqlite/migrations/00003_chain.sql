-- +goose Up

-- The chain over the events, see package chain: written in the transaction of the event, and for what was there before when the file is opened.
CREATE TABLE IF NOT EXISTS verdict_chain (
    seq   INTEGER PRIMARY KEY,
    chain BLOB    NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS verdict_chain_stay BEFORE UPDATE ON verdict_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS verdict_chain_stay_there BEFORE DELETE ON verdict_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
