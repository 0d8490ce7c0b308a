-- +goose Up

-- What an event tells beside its kind, as JSON: of an erasure the counts. who is empty when nobody but the operator acted.
ALTER TABLE event ADD COLUMN what TEXT NOT NULL DEFAULT '{}';
