-- +goose Up

-- What happened is only ever added to. Whoever wants it otherwise has to take these away first, which is seen.
-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay_there BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
