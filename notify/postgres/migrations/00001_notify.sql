-- +goose Up

INSERT INTO streams (name) VALUES ('notify');

-- How people want to be told, sealed. No index but by person: nobody is looked up by an address.
CREATE TABLE contacts (
    person bytea       PRIMARY KEY CHECK (length(person) = 16),
    sealed bytea       NOT NULL,
    set_at timestamptz NOT NULL
);

CREATE TABLE messages (
    id      bytea       PRIMARY KEY CHECK (length(id) = 16),
    person  bytea       NOT NULL CHECK (length(person) = 16),
    kind    text        NOT NULL,
    booking bigint      NOT NULL,
    event   bigint      NOT NULL,
    helper  boolean     NOT NULL,
    dose    integer     NOT NULL,
    day     integer     NOT NULL, -- civil.Date: days since 1970-01-01
    due     timestamptz NOT NULL, -- when it is to go out
    turn    timestamptz NOT NULL, -- when a courier may take it: due at first, then the end of a lease or of a wait
    expires timestamptz NOT NULL,
    state   text        NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'obsolete', 'unreachable', 'expired')),
    tries   integer     NOT NULL DEFAULT 0,
    why     text        NOT NULL DEFAULT '',
    at      timestamptz NOT NULL  -- when it came into this state
);

CREATE INDEX messages_turn ON messages (turn) WHERE state IN ('queued', 'sending');

CREATE INDEX messages_person ON messages (person);

-- How far the ledger's feed has been followed.
CREATE TABLE message_place (
    one integer PRIMARY KEY CHECK (one = 1),
    seq bigint  NOT NULL CHECK (seq >= 0)
);
