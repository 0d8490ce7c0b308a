-- +goose Up
CREATE INDEX event_read_point ON event (read_point, time);
