-- +goose Up

-- To tell those who help somebody.
CREATE INDEX recipient_person ON recipient (person, campaign);

-- Desks: the helper is then the desk's key, and clerk who registered the person there. The version before this one writes none of
-- these columns, and reads no row of a desk: no citizen has a desk's key. Defaults that are constants rewrite no row.
ALTER TABLE recipient
    ADD COLUMN kind      text    NOT NULL DEFAULT 'family' CHECK (kind IN ('family', 'guardian', 'calldesk', 'office')),
    ADD COLUMN clerk     bytea   CHECK (length(clerk) = 16),
    ADD COLUMN consent   text    NOT NULL DEFAULT '',
    ADD COLUMN phone     bytea, -- sealed
    ADD COLUMN settled   boolean NOT NULL DEFAULT false,
    ADD COLUMN temporary boolean NOT NULL DEFAULT false;
CREATE INDEX recipient_open ON recipient (helper, campaign, registered_at) WHERE NOT settled AND clerk IS NOT NULL;
CREATE INDEX recipient_clerk ON recipient (clerk, campaign) WHERE clerk IS NOT NULL;

-- Identities given at local offices. ident is the blind index of the code, alike that of name and date of birth.
CREATE TABLE temporary_identity (
    ident     bytea       PRIMARY KEY CHECK (length(ident) = 16),
    person    bytea       NOT NULL UNIQUE CHECK (length(person) = 16),
    alike     bytea       NOT NULL CHECK (length(alike) = 16),
    name      bytea       NOT NULL, -- sealed
    born      date        NOT NULL,
    paper     text        NOT NULL,
    desk      bytea       NOT NULL CHECK (length(desk) = 16),
    clerk     bytea       NOT NULL CHECK (length(clerk) = 16),
    issued_at timestamptz NOT NULL
);
CREATE INDEX temporary_alike ON temporary_identity (desk, alike);
