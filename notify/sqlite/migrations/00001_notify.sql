-- +goose Up

-- How people want to be told, sealed. No index but by person: nobody is looked up by an address.
CREATE TABLE contact (
    person BLOB PRIMARY KEY CHECK (length(person) = 16),
    sealed BLOB NOT NULL,
    set_at INTEGER NOT NULL -- Unix milliseconds, as all instants here
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
    id      BLOB PRIMARY KEY CHECK (length(id) = 16),
    person  BLOB NOT NULL CHECK (length(person) = 16),
    kind    TEXT NOT NULL,
    booking INTEGER NOT NULL,
    event   INTEGER NOT NULL,
    helper  INTEGER NOT NULL CHECK (helper IN (0, 1)),
    dose    INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    due     INTEGER NOT NULL, -- when it is to go out
    turn    INTEGER NOT NULL, -- when a courier may take it: due at first, then the end of a lease or of a wait
    expires INTEGER NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'obsolete', 'unreachable', 'expired')),
    tries   INTEGER NOT NULL DEFAULT 0,
    why     TEXT NOT NULL DEFAULT '',
    at      INTEGER NOT NULL  -- when it came into this state
) STRICT, WITHOUT ROWID;

CREATE INDEX message_turn ON message (turn) WHERE state IN ('queued', 'sending');

CREATE INDEX message_person ON message (person);

-- How far the ledger's feed has been followed.
CREATE TABLE place (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL CHECK (seq >= 0)
) STRICT;

-- What changed, in the transaction that changed it. Never an address.
CREATE TABLE event (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    at   INTEGER NOT NULL,
    kind TEXT NOT NULL, -- contact.set, contact.removed
    who  BLOB NOT NULL
) STRICT;
