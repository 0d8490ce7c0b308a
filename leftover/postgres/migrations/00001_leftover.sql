-- +goose Up

INSERT INTO streams (name) VALUES ('leftover');

-- Who is in the list of a site, and who was. Days are days since 1970-01-01.
CREATE TABLE leftover_entries (
    campaign bigint      NOT NULL,
    site     integer     NOT NULL,
    person   bytea       NOT NULL CHECK (length(person) = 16),
    born     integer     NOT NULL,
    since    integer     NOT NULL,
    turn     timestamptz NOT NULL, -- the beginning of 1970: no turn on the day since
    gone     boolean     NOT NULL,
    PRIMARY KEY (campaign, site, person)
);

CREATE INDEX leftover_entries_order ON leftover_entries (campaign, site, since, turn) WHERE NOT gone;

CREATE INDEX leftover_entries_person ON leftover_entries (person, campaign);

CREATE TABLE leftover_batches (
    id       bigint      PRIMARY KEY,
    campaign bigint      NOT NULL,
    site     integer     NOT NULL,
    product  text        NOT NULL,
    doses    integer     NOT NULL CHECK (doses > 0),
    made     timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    minutes  integer     NOT NULL,
    next     timestamptz -- NULL: over
);

CREATE INDEX leftover_batches_next ON leftover_batches (next) WHERE next IS NOT NULL;

CREATE INDEX leftover_batches_made ON leftover_batches (made);

CREATE TABLE leftover_offers (
    id       bigint      PRIMARY KEY,
    batch    bigint      NOT NULL REFERENCES leftover_batches (id),
    campaign bigint      NOT NULL,
    person   bytea       NOT NULL CHECK (length(person) = 16),
    state    smallint    NOT NULL CHECK (state BETWEEN 1 AND 7), -- leftover.State
    made     timestamptz NOT NULL,
    until    timestamptz NOT NULL,
    answered timestamptz
);

-- The second locks behind leftover.Decide.
CREATE UNIQUE INDEX leftover_offers_once ON leftover_offers (batch, person);

CREATE UNIQUE INDEX leftover_offers_one_open ON leftover_offers (person, campaign) WHERE state IN (1, 2);

CREATE INDEX leftover_offers_person ON leftover_offers (person, campaign, id);

CREATE INDEX leftover_offers_open ON leftover_offers (id) WHERE state = 1;

-- +goose StatementBegin
CREATE FUNCTION leftover_doses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM leftover_offers WHERE batch = NEW.batch AND state < 4) > (SELECT doses FROM leftover_batches WHERE id = NEW.batch) THEN
        RAISE EXCEPTION 'more offers than doses';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER leftover_doses AFTER INSERT ON leftover_offers FOR EACH ROW WHEN (NEW.state < 4) EXECUTE FUNCTION leftover_doses();
