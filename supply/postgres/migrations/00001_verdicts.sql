-- +goose Up

-- One row, locked by whoever decides: verdicts of all nodes follow one another.
CREATE TABLE supply_head (
    one integer PRIMARY KEY CHECK (one = 1),
    seq bigint  NOT NULL
);
INSERT INTO supply_head VALUES (1, 0);

-- Verdicts in their order. The body is the verdict as JSON, as it was written; numbers have no gaps.
CREATE TABLE supply_verdict (
    seq  bigint PRIMARY KEY CHECK (seq >= 1),
    body text   NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION supply_verdict_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'verdicts are only ever added';
END $$;
-- +goose StatementEnd

CREATE TRIGGER supply_verdict_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON supply_verdict FOR EACH STATEMENT EXECUTE FUNCTION supply_verdict_stay();
