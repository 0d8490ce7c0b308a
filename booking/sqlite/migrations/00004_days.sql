-- +goose Up

-- Which bookings have, or had, a dose on a day at a site: what a clinic asks for. Only ever added to: whoever reads looks at the
-- booking itself.
CREATE TABLE days (
    day     INTEGER NOT NULL, -- civil.Date
    site    INTEGER NOT NULL,
    booking INTEGER NOT NULL,
    PRIMARY KEY (day, site, booking)
) STRICT, WITHOUT ROWID;

-- What was filled from bookings of versions before, whose rows only the program can read.
CREATE TABLE filled (what TEXT PRIMARY KEY) STRICT;
