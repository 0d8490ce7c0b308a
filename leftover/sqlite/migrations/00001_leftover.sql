-- +goose Up

-- IF NOT EXISTS throughout: a server and a command may create the file at the same moment.
-- Who is in the list of a site, and who was. All instants here are microseconds since 1970, all days days since 1970-01-01.
CREATE TABLE IF NOT EXISTS entries (
    campaign INTEGER NOT NULL,
    site     INTEGER NOT NULL,
    person   BLOB    NOT NULL CHECK (length(person) = 16),
    born     INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    turn     INTEGER NOT NULL, -- 0: no turn on the day since
    gone     INTEGER NOT NULL CHECK (gone IN (0, 1)),
    PRIMARY KEY (campaign, site, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS entries_order ON entries (campaign, site, since, turn) WHERE gone = 0;

CREATE INDEX IF NOT EXISTS entries_person ON entries (person, campaign);

CREATE TABLE IF NOT EXISTS batches (
    id       INTEGER PRIMARY KEY,
    campaign INTEGER NOT NULL,
    site     INTEGER NOT NULL,
    product  TEXT    NOT NULL,
    doses    INTEGER NOT NULL CHECK (doses > 0),
    made     INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    minutes  INTEGER NOT NULL,
    next     INTEGER -- NULL: over
) STRICT;

CREATE INDEX IF NOT EXISTS batches_next ON batches (next) WHERE next IS NOT NULL;

CREATE INDEX IF NOT EXISTS batches_made ON batches (made);

CREATE TABLE IF NOT EXISTS offers (
    id       INTEGER PRIMARY KEY,
    batch    INTEGER NOT NULL REFERENCES batches (id),
    campaign INTEGER NOT NULL,
    person   BLOB    NOT NULL CHECK (length(person) = 16),
    state    INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7), -- leftover.State
    made     INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    answered INTEGER NOT NULL -- 0: not yet
) STRICT;

-- The second locks behind leftover.Decide.
CREATE UNIQUE INDEX IF NOT EXISTS offers_once ON offers (batch, person);

CREATE UNIQUE INDEX IF NOT EXISTS offers_one_open ON offers (person, campaign) WHERE state IN (1, 2);

CREATE INDEX IF NOT EXISTS offers_person ON offers (person, campaign, id);

CREATE INDEX IF NOT EXISTS offers_open ON offers (id) WHERE state = 1;

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS offers_doses AFTER INSERT ON offers WHEN NEW.state < 4 BEGIN
    SELECT RAISE(ABORT, 'more offers than doses')
    WHERE (SELECT count(*) FROM offers WHERE batch = NEW.batch AND state < 4) > (SELECT doses FROM batches WHERE id = NEW.batch);
END;
-- +goose StatementEnd

-- The next free number, of batches and offers together.
CREATE TABLE IF NOT EXISTS numbers (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    next INTEGER NOT NULL CHECK (next > 0)
) STRICT;

INSERT OR IGNORE INTO numbers (one, next) VALUES (1, 1);

-- What happened, in the transaction of the change. Never a date of birth. 0 and NULL where something does not apply.
CREATE TABLE IF NOT EXISTS events (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    campaign INTEGER NOT NULL,
    site     INTEGER NOT NULL,
    person   BLOB,
    batch    INTEGER NOT NULL,
    offer    INTEGER NOT NULL,
    doses    INTEGER NOT NULL,
    channel  TEXT    NOT NULL,
    why      TEXT    NOT NULL
) STRICT;

-- What happened is only ever added to. Whoever wants it otherwise has to take these away first, which is seen.
-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS events_stay_there BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only ever added'); END;
-- +goose StatementEnd
