-- +goose Up

-- Which rooms were filled from another installation, and from which; see DB.Import.
CREATE TABLE moves (
    room     text        PRIMARY KEY,
    source   text        NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);
