-- +goose Up

-- One row, locked by whoever decides: steps of all nodes follow one another.
CREATE TABLE approval_head (
    one integer PRIMARY KEY CHECK (one = 1),
    seq bigint  NOT NULL
);
INSERT INTO approval_head VALUES (1, 0);

-- What happened to requests, in order: the JSON as it was written, and the chain over all rows up to it. No names.
CREATE TABLE approval_events (
    seq   bigint PRIMARY KEY CHECK (seq >= 1),
    body  text   NOT NULL,
    chain bytea  NOT NULL CHECK (length(chain) = 32)
);

-- What each request is about, whose digest is in its first event.
CREATE TABLE approval_bodies (
    request bigint PRIMARY KEY CHECK (request >= 1),
    body    bytea  NOT NULL CHECK (length(body) BETWEEN 1 AND 1048576)
);

-- +goose StatementBegin
CREATE FUNCTION approval_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'requests are only ever added to';
END $$;
-- +goose StatementEnd

CREATE TRIGGER approval_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_events FOR EACH STATEMENT EXECUTE FUNCTION approval_stay();

CREATE TRIGGER approval_bodies_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_bodies FOR EACH STATEMENT EXECUTE FUNCTION approval_stay();
