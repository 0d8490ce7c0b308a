-- +goose Up

-- What is a fact about a campaign's line and may not follow a changed programme file.
CREATE TABLE campaigns (
    campaign     INTEGER PRIMARY KEY,
    met_at       INTEGER NOT NULL,                          -- unix milliseconds, like every _at here
    draw         INTEGER NOT NULL CHECK (draw IN (0, 1)),   -- fixed once somebody has a place
    seed         BLOB    NOT NULL CHECK (length(seed) = 32),
    commitment   BLOB    NOT NULL CHECK (length(commitment) = 32),
    gathered     INTEGER,                                   -- how many stand in the draw; fixed at the opening
    drawn_at     INTEGER,
    entrants_sha BLOB,                                      -- SHA-256 of the published list of entrants
    admitted     INTEGER NOT NULL DEFAULT 0,
    longest_pass INTEGER NOT NULL                           -- seconds; how far back a live pass can have begun
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER admitted_never_falls BEFORE UPDATE OF admitted ON campaigns WHEN NEW.admitted < OLD.admitted
BEGIN SELECT RAISE(ABORT, 'admitted never falls'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER draw_is_a_fact BEFORE UPDATE OF gathered, drawn_at, seed ON campaigns
WHEN (OLD.gathered IS NOT NULL AND NEW.gathered IS NOT OLD.gathered)
  OR (OLD.drawn_at IS NOT NULL AND NEW.drawn_at IS NOT OLD.drawn_at)
  OR NEW.seed IS NOT OLD.seed
BEGIN SELECT RAISE(ABORT, 'a draw never changes'); END;
-- +goose StatementEnd

-- One row for all who joined a campaign in one commit: person keys of 16 bytes, seq = first_seq, first_seq + 1 …
-- Only ever appended to. The unique constraint stops a second program on the same file from giving a seq twice.
CREATE TABLE joins (
    id        INTEGER PRIMARY KEY,
    campaign  INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    people    BLOB    NOT NULL CHECK (length(people) > 0 AND length(people) % 16 = 0),
    joined_at INTEGER NOT NULL,
    UNIQUE (campaign, first_seq)
) STRICT;

-- The drawn numbers, by seq: 4 bytes each, big-endian, in chunks. They count once campaigns.drawn_at is set.
CREATE TABLE numbers (
    campaign  INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    numbers   BLOB    NOT NULL CHECK (length(numbers) % 4 = 0),
    PRIMARY KEY (campaign, first_seq)
) STRICT;

-- Every step of admission.
CREATE TABLE waves (
    id          INTEGER PRIMARY KEY,
    campaign    INTEGER NOT NULL,
    admitted    INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL
) STRICT;

-- Passes begun and ended, in order; the id of a begin is the pass's serial. The last row of a place says what holds:
-- a device and an expiry (seconds), or nothing. Only ever appended to; noted_at never falls.
CREATE TABLE passes (
    id         INTEGER PRIMARY KEY,
    campaign   INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    device     BLOB CHECK (device IS NULL OR length(device) = 16),
    expires_at INTEGER,
    noted_at   INTEGER NOT NULL
) STRICT;
