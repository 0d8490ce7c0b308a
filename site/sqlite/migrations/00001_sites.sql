-- +goose Up
-- IF NOT EXISTS: a server and an import may create the file at the same moment.
CREATE TABLE IF NOT EXISTS sites (
    num      INTEGER PRIMARY KEY CHECK (num BETWEEN 1 AND 16777215),
    id       TEXT NOT NULL UNIQUE CHECK (id <> ''),
    name     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    address  TEXT NOT NULL,
    region   TEXT NOT NULL,
    district TEXT NOT NULL,
    phone    TEXT NOT NULL,
    lat      REAL NOT NULL,
    lon      REAL NOT NULL
) STRICT;

-- One line per change, written in the transaction of the change. at is in milliseconds since 1970.
CREATE TABLE IF NOT EXISTS events (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('site-added', 'site-changed')),
    site   TEXT NOT NULL,
    change TEXT NOT NULL CHECK (json_valid(change))
) STRICT;
