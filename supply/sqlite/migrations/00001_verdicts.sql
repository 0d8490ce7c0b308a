-- +goose Up

-- Verdicts in their order. The body is the verdict as JSON; numbers have no gaps.
CREATE TABLE verdict (
    seq  INTEGER PRIMARY KEY CHECK (seq >= 1),
    body TEXT    NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER verdict_follows BEFORE INSERT ON verdict
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM verdict)
BEGIN SELECT RAISE(ABORT, 'verdicts are numbered without gaps'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER verdict_stay BEFORE UPDATE ON verdict BEGIN SELECT RAISE(ABORT, 'verdicts are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER verdict_stay_there BEFORE DELETE ON verdict BEGIN SELECT RAISE(ABORT, 'verdicts are only ever added'); END;
-- +goose StatementEnd
