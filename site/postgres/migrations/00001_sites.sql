-- +goose Up

CREATE TABLE sites (
    num      integer          PRIMARY KEY CHECK (num BETWEEN 1 AND 16777215),
    id       text             NOT NULL UNIQUE CHECK (id <> ''),
    name     text             NOT NULL,
    kind     text             NOT NULL,
    address  text             NOT NULL,
    region   text             NOT NULL,
    district text             NOT NULL,
    phone    text             NOT NULL,
    lat      double precision NOT NULL,
    lon      double precision NOT NULL
);

INSERT INTO streams (name) VALUES ('site');
