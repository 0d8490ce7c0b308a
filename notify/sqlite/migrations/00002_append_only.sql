-- +goose Up

-- What happened is only ever added to. Whoever wants it otherwise has to take these away first, which is seen.
-- +goose StatementBegin
CREATE TRIGGER event_stay BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER event_stay_there BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
