-- +goose Up

-- One row for each content a roster has or is about to have. staging: being written; live: the present one; a row that is
-- neither waits for its pages to be deleted.
CREATE TABLE roster_generation (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    roster     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('staging', 'live', 'old')),
    begun_at   INTEGER NOT NULL -- Unix milliseconds
) STRICT;
CREATE UNIQUE INDEX roster_live ON roster_generation (roster) WHERE state = 'live';

-- version grows by one with each replacement.
CREATE TABLE roster (
    id          TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
    generation  INTEGER NOT NULL REFERENCES roster_generation (generation),
    version     INTEGER NOT NULL,
    people      INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Person keys, 16 bytes each, ascending within a page and from page to page.
CREATE TABLE roster_key_page (
    generation INTEGER NOT NULL REFERENCES roster_generation (generation),
    page       INTEGER NOT NULL,
    keys       BLOB NOT NULL CHECK (length(keys) > 0 AND length(keys) % 16 = 0),
    PRIMARY KEY (generation, page)
) STRICT;

-- Rows of 36 bytes (identity index 16, person key 16, date of birth 4), ascending; first is the index of the first row.
CREATE TABLE roster_index_page (
    generation INTEGER NOT NULL REFERENCES roster_generation (generation),
    first      BLOB NOT NULL CHECK (length(first) = 16),
    rows       BLOB NOT NULL CHECK (length(rows) > 0 AND length(rows) % 36 = 0),
    PRIMARY KEY (generation, first)
) STRICT;

CREATE TABLE recipient (
    id            TEXT PRIMARY KEY,
    helper        BLOB NOT NULL CHECK (length(helper) = 16),
    person        BLOB NOT NULL CHECK (length(person) = 16),
    campaign      TEXT NOT NULL,
    name          BLOB NOT NULL, -- sealed
    born          INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    UNIQUE (helper, campaign, person)
) STRICT;

-- What changed, in the transaction that changed it. Never a name, a number or a date of birth.
CREATE TABLE event (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    at   INTEGER NOT NULL,
    kind TEXT NOT NULL, -- roster.replaced, recipient.added, recipient.removed
    who  BLOB,          -- the helper's person key; null when the operator acted
    what TEXT NOT NULL  -- JSON
) STRICT;
