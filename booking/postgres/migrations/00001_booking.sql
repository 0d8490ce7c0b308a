-- +goose Up

INSERT INTO streams (name) VALUES ('booking');

-- A row comes into being with the first taking. The check is the second lock behind booking.Decide. Free room in each page
-- lets a row be changed in place.
CREATE TABLE counters (
    id       bigint  PRIMARY KEY, -- booking.Counter
    capacity integer NOT NULL,
    used     integer NOT NULL,
    CHECK (used BETWEEN 0 AND capacity)
) WITH (fillfactor = 60);

-- gone is 0 while the booking is live and its own id afterwards, so that one index serves two ends: nobody has two live
-- bookings in a campaign, and a person's bookings are found by it. A booking holds all doses of its series, so what is
-- unique for the booking is unique for each dose.
CREATE TABLE bookings (
    id          bigint      PRIMARY KEY,
    person      bytea       NOT NULL CHECK (length(person) = 16),
    campaign    bigint      NOT NULL,
    gone        bigint      NOT NULL CHECK (gone IN (0, id)),
    actor       bytea       CHECK (length(actor) = 16),
    channel     text        NOT NULL,
    made_at     timestamptz NOT NULL,
    changed     integer     NOT NULL DEFAULT 0,
    doses       jsonb       NOT NULL,
    shared      jsonb       NOT NULL,
    sealed      bytea,
    idempotency bytea       CHECK (length(idempotency) = 16),
    asked       bytea       CHECK (length(asked) = 16)
);

CREATE UNIQUE INDEX bookings_one_live ON bookings (person, campaign, gone);

CREATE TABLE holds (
    id       bigint      PRIMARY KEY, -- seq of the event that told of it
    person   bytea       NOT NULL CHECK (length(person) = 16),
    campaign bigint      NOT NULL,
    until    timestamptz NOT NULL,
    doses    jsonb       NOT NULL,
    shared   jsonb       NOT NULL
);

CREATE UNIQUE INDEX holds_one ON holds (person, campaign);

CREATE INDEX holds_until ON holds (until, id);
