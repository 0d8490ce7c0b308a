-- +goose Up

-- What of a line outlives its store; see line.Record.
CREATE TABLE line_records (
    campaign bigint      PRIMARY KEY,
    epoch    text        NOT NULL,
    losses   integer     NOT NULL DEFAULT 0,
    seed     bytea       NOT NULL CHECK (length(seed) = 32),
    draw     boolean     NOT NULL,
    buckets  integer     NOT NULL CHECK (buckets > 0),
    reserved bigint      NOT NULL DEFAULT 0,
    admitted bigint      NOT NULL DEFAULT 0,
    gathered bigint      NOT NULL DEFAULT -1,
    drawn_at timestamptz
);

-- Seats of 20 bytes (person key 16, seq 4, big-endian), as many as came together. Only ever added to.
CREATE TABLE line_seats (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign bigint NOT NULL,
    seats    bytea  NOT NULL CHECK (length(seats) > 0 AND length(seats) % 20 = 0)
);
ALTER TABLE line_seats ALTER seats SET STORAGE EXTERNAL;

CREATE INDEX line_seats_campaign ON line_seats (campaign, id);
