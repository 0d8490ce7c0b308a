-- +goose Up

-- What was decided beside verdicts, see package journal. The body is the event as JSON; numbers have no gaps.
CREATE TABLE journal (
    seq  INTEGER PRIMARY KEY CHECK (seq >= 1),
    kind TEXT    NOT NULL,
    body TEXT    NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER journal_follows BEFORE INSERT ON journal
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
BEGIN SELECT RAISE(ABORT, 'events of the journal are numbered without gaps'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_stay BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'events of the journal are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_stay_there BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'events of the journal are only ever added'); END;
-- +goose StatementEnd

CREATE TABLE journal_chain (
    seq   INTEGER PRIMARY KEY,
    chain BLOB    NOT NULL CHECK (length(chain) = 32)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER journal_chain_stay BEFORE UPDATE ON journal_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_chain_stay_there BEFORE DELETE ON journal_chain BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- Which settlement has which box: one at most. Follows from the journal.
CREATE TABLE promise (
    box        INTEGER PRIMARY KEY,
    settlement INTEGER NOT NULL REFERENCES journal (seq)
) STRICT;

CREATE INDEX promise_settlement ON promise (settlement);

-- Which GLN is which site: the table that was imported last, whole. imported is the number of that event.
CREATE TABLE gln (
    gln      INTEGER PRIMARY KEY,
    site     TEXT    NOT NULL CHECK (site <> ''),
    imported INTEGER NOT NULL REFERENCES journal (seq)
) STRICT;
