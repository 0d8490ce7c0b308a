-- +goose Up

-- The lock under which events are numbered, so that the order of numbers is the order in which events can be seen; and the
-- last record time given.
CREATE TABLE epcis_head (
    one      integer PRIMARY KEY CHECK (one = 1),
    seq      bigint  NOT NULL CHECK (seq >= 0),
    recorded bigint  NOT NULL
) WITH (fillfactor = 20);

INSERT INTO epcis_head (one, seq, recorded) VALUES (1, 0, 0);

-- Events in the order of their capture. Times are microseconds since 1970. What a query can ask for is read out of the body
-- once, here; the body itself is the event as it was written.
CREATE TABLE epcis_event (
    seq         bigint  PRIMARY KEY,
    name        bytea   NOT NULL CHECK (length(name) = 16), -- the first half of SHA-256(id)
    declared    boolean NOT NULL,
    id          text    NOT NULL,
    content     bytea   NOT NULL CHECK (length(content) = 32),
    declaration bytea   NOT NULL CHECK (length(declaration) IN (0, 32)),
    time        bigint  NOT NULL,
    recorded    bigint  NOT NULL,
    party       text    NOT NULL, -- who told it
    type        text    COLLATE "C" NOT NULL,
    action      text    COLLATE "C" NOT NULL,
    step        text    COLLATE "C" NOT NULL,
    disposition text    COLLATE "C" NOT NULL,
    read_point  text    COLLATE "C" NOT NULL,
    location    text    COLLATE "C" NOT NULL,
    context     bigint  NOT NULL,
    body        text    NOT NULL
);

CREATE UNIQUE INDEX epcis_event_once ON epcis_event (name, declared);
CREATE INDEX epcis_event_time ON epcis_event (time, seq);
CREATE INDEX epcis_event_recorded ON epcis_event (recorded);
CREATE INDEX epcis_event_step ON epcis_event (step, time, seq);
CREATE INDEX epcis_event_disposition ON epcis_event (disposition, time, seq);
CREATE INDEX epcis_event_location ON epcis_event (location, time, seq);
CREATE INDEX epcis_event_declared ON epcis_event (time) WHERE declared;

-- A context may be longer than an index entry may be, so it is found by its hash.
CREATE TABLE epcis_context (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea  NOT NULL UNIQUE CHECK (length(hash) = 32),
    body text   NOT NULL
);

-- Every thing, lot and product that an event ever named, once: a box is in many events.
CREATE TABLE epcis_thing (
    id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text   COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE epcis_mention (
    thing bigint   NOT NULL,
    seq   bigint   NOT NULL,
    role  smallint NOT NULL,
    PRIMARY KEY (thing, seq, role)
);

CREATE TABLE epcis_job (
    id       text    PRIMARY KEY,
    party    text    NOT NULL,
    created  bigint  NOT NULL,
    finished bigint  NOT NULL,
    events   integer NOT NULL,
    added    integer NOT NULL,
    problem  text    NOT NULL
);

-- What happened is only ever added to: a wrong event gets an error declaration.
-- +goose StatementBegin
CREATE FUNCTION epcis_event_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are only ever added';
END $$;
-- +goose StatementEnd

CREATE TRIGGER epcis_event_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON epcis_event FOR EACH STATEMENT EXECUTE FUNCTION epcis_event_stay();
