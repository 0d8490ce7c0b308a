-- +goose Up

-- A row comes into being with the first taking. The check is the second lock behind booking.Decide.
CREATE TABLE counters (
    id       INTEGER PRIMARY KEY, -- booking.Counter
    capacity INTEGER NOT NULL,
    used     INTEGER NOT NULL,
    CHECK (used BETWEEN 0 AND capacity)
) STRICT;

-- gone is 0 while the booking is live and its own id afterwards, so that one index serves two ends: nobody has two live
-- bookings in a campaign, and a person's bookings are found by it. A booking holds all doses of its series, so what is
-- unique for the booking is unique for each dose.
CREATE TABLE bookings (
    id       INTEGER PRIMARY KEY,
    person   BLOB    NOT NULL CHECK (length(person) = 16),
    campaign INTEGER NOT NULL,
    gone     INTEGER NOT NULL CHECK (gone IN (0, id)),
    body     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX bookings_one_live ON bookings (person, campaign, gone);

CREATE TABLE holds (
    id       INTEGER PRIMARY KEY, -- seq of the event that told of it
    person   BLOB    NOT NULL CHECK (length(person) = 16),
    campaign INTEGER NOT NULL,
    until    INTEGER NOT NULL,    -- microseconds since 1970
    body     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX holds_one ON holds (person, campaign);

CREATE INDEX holds_until ON holds (until);

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;
