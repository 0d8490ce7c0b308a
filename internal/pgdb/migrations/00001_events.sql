-- +goose Up

-- One feed for each room. Its row is the lock under which the room's events are numbered: whoever holds it is the only one
-- who writes events of that room, until the commit.
CREATE TABLE streams (
    name     text   PRIMARY KEY,
    next_seq bigint NOT NULL DEFAULT 1 CHECK (next_seq > 0),
    next_id  bigint NOT NULL DEFAULT 1 CHECK (next_id > 0) -- the room's own things, where it numbers some (bookings, sites)
) WITH (fillfactor = 20);

-- Audit trail, outbox and feed of all rooms. seq is dense and in commit order within a stream. Never a name, a telephone
-- number or an identity number; person and actor are person keys. That a stream has its row is not checked event by event
-- (it would double the cost of an event): nobody writes one without holding that row.
CREATE TABLE events (
    stream  text        NOT NULL,
    seq     bigint      NOT NULL CHECK (seq > 0),
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    person  bytea       CHECK (length(person) = 16),
    actor   bytea       CHECK (length(actor) = 16),
    channel text        NOT NULL DEFAULT '',
    why     text        NOT NULL DEFAULT '',
    what    jsonb       NOT NULL, -- what the kind tells of
    PRIMARY KEY (stream, seq)
);
