-- +goose Up

-- What was decided beside verdicts, see package journal. The body is the event as JSON, as it was written; numbers have no gaps: they are given under the lock
-- of supply_head.
CREATE TABLE supply_journal (
    seq  bigint PRIMARY KEY CHECK (seq >= 1),
    kind text   NOT NULL,
    body text   NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION supply_journal_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events of the journal are only ever added';
END $$;
-- +goose StatementEnd

CREATE TRIGGER supply_journal_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON supply_journal FOR EACH STATEMENT EXECUTE FUNCTION supply_journal_stay();

-- Which settlement has which box: one at most. Follows from the journal.
CREATE TABLE supply_promise (
    box        bigint PRIMARY KEY,
    settlement bigint NOT NULL REFERENCES supply_journal (seq)
);

CREATE INDEX supply_promise_settlement ON supply_promise (settlement);

-- Which GLN is which site: the table that was imported last, whole. imported is the number of that event.
CREATE TABLE supply_gln (
    gln      bigint PRIMARY KEY,
    site     text   NOT NULL CHECK (site <> ''),
    imported bigint NOT NULL REFERENCES supply_journal (seq)
);
