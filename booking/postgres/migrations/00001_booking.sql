-- +goose Up

INSERT INTO streams (name) VALUES ('booking');

-- Nodes take ids in blocks: the n-th block of bookings begins at n * 16384 + 1, that of events at n * 1048576 + 1.
CREATE SEQUENCE booking_blocks MINVALUE 0 START 0;
CREATE SEQUENCE booking_event_blocks MINVALUE 0 START 0;

-- A row comes into being with the first taking. The check is the second lock behind booking.Decide. Free room in each page
-- lets a row be changed in place.
CREATE TABLE counters (
    id       bigint  PRIMARY KEY, -- booking.Counter
    capacity integer NOT NULL,
    used     integer NOT NULL,
    CHECK (used BETWEEN 0 AND capacity)
) WITH (fillfactor = 60);

-- How often a person's bookings and holds were changed, and what is locked while somebody decides about them. What was decided for somebody counts only if this is still as it was
-- read.
CREATE TABLE takers (
    person  bytea  PRIMARY KEY CHECK (length(person) = 16),
    version bigint NOT NULL
) WITH (fillfactor = 80);

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
    id       bigint      PRIMARY KEY, -- id of the event that told of it
    person   bytea       NOT NULL CHECK (length(person) = 16),
    campaign bigint      NOT NULL,
    until    timestamptz NOT NULL,
    doses    jsonb       NOT NULL,
    shared   jsonb       NOT NULL
);

CREATE UNIQUE INDEX holds_one ON holds (person, campaign);

CREATE INDEX holds_until ON holds (until, id);

-- One row for each commit that has events: they stand in events, stream 'booking', under the ids first_event … first_event +
-- events - 1. A batch that builds upon another has the greater id, since it got it after the other's locks were free. The
-- dense numbers of the feed begin at first_seq; whoever reads the feed first gives them. A row without events says that the
-- batch of that id never was and never will be.
CREATE TABLE booking_batches (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_event bigint  NOT NULL UNIQUE,
    events      integer NOT NULL CHECK (events >= 0),
    first_seq   bigint
);

CREATE INDEX booking_batches_seq ON booking_batches (first_seq);

CREATE INDEX booking_batches_fresh ON booking_batches (id) WHERE first_seq IS NULL;

-- +goose StatementBegin
-- Ends a transaction whose ground has moved since it was decided: the batch is decided anew.
CREATE FUNCTION booking_must(ok boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF ok IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'decided on what has changed since';
    END IF;
END $$;
-- +goose StatementEnd
