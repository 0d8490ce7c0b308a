-- +goose Up

-- Which bookings have, or had, a dose on a day at a site: what a clinic asks for. Only ever added to: whoever reads looks at the
-- booking itself. It is not written with the bookings, which a rush would feel, but caught up with before it is read.
CREATE TABLE days (
    day     INTEGER NOT NULL, -- civil.Date
    site    INTEGER NOT NULL,
    booking INTEGER NOT NULL,
    PRIMARY KEY (day, site, booking)
) STRICT, WITHOUT ROWID;

-- Up to which event the bookings are in days.
CREATE TABLE days_upto (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;

INSERT INTO days_upto (one, seq) VALUES (1, 0);
