-- +goose Up

-- Alarms, each once: what they are about and for which time around. Instants are nanoseconds since 1970; begin_at 0: none. Numbers are given under
-- the lock of supply_head, so that a lower one is never seen later.
CREATE TABLE supply_alarm (
    seq      bigint  PRIMARY KEY CHECK (seq >= 1),
    at       bigint  NOT NULL,
    cause    text    NOT NULL,
    point    text    NOT NULL,
    begin_at bigint  NOT NULL,
    box      bigint  NOT NULL,
    episode  integer NOT NULL CHECK (episode >= 1),
    site     bigint  NOT NULL,
    boxes    bigint  NOT NULL,
    doses    bigint  NOT NULL,
    UNIQUE (cause, point, begin_at, box, episode)
);

CREATE TABLE supply_alarm_cleared (
    seq bigint PRIMARY KEY REFERENCES supply_alarm (seq),
    at  bigint NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION supply_alarm_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'alarms are only ever added';
END $$;
-- +goose StatementEnd

CREATE TRIGGER supply_alarm_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON supply_alarm FOR EACH STATEMENT EXECUTE FUNCTION supply_alarm_stay();

-- Plans of verdicts as they were previewed, by their digest; those that are wanted stay.
CREATE TABLE supply_plan (
    digest text    PRIMARY KEY,
    at     bigint  NOT NULL,
    wanted boolean NOT NULL DEFAULT false,
    body   bytea   NOT NULL
);

-- Who does the work in the background, until when.
CREATE TABLE supply_lease (
    one   integer PRIMARY KEY CHECK (one = 1),
    who   text    NOT NULL,
    until bigint  NOT NULL
);
