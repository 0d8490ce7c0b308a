-- +goose Up

-- Desks: the helper is then the desk's key, and clerk who registered the person there. The version before this one writes none of
-- these columns, and reads no row of a desk: no citizen has a desk's key.
ALTER TABLE recipient ADD COLUMN kind TEXT NOT NULL DEFAULT 'family' CHECK (kind IN ('family', 'guardian', 'calldesk', 'office'));
ALTER TABLE recipient ADD COLUMN clerk BLOB CHECK (clerk IS NULL OR length(clerk) = 16);
ALTER TABLE recipient ADD COLUMN consent TEXT NOT NULL DEFAULT '';
ALTER TABLE recipient ADD COLUMN phone BLOB; -- sealed
ALTER TABLE recipient ADD COLUMN settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1));
ALTER TABLE recipient ADD COLUMN temporary INTEGER NOT NULL DEFAULT 0 CHECK (temporary IN (0, 1));
CREATE INDEX recipient_open ON recipient (helper, campaign, registered_at) WHERE settled = 0 AND clerk IS NOT NULL;
CREATE INDEX recipient_clerk ON recipient (clerk, campaign) WHERE clerk IS NOT NULL;

-- Identities given at local offices. ident is the blind index of the code, alike that of name and date of birth.
CREATE TABLE temporary_identity (
    ident     BLOB PRIMARY KEY CHECK (length(ident) = 16),
    person    BLOB NOT NULL UNIQUE CHECK (length(person) = 16),
    alike     BLOB NOT NULL CHECK (length(alike) = 16),
    name      BLOB NOT NULL, -- sealed
    born      INTEGER NOT NULL,
    paper     TEXT NOT NULL,
    desk      BLOB NOT NULL CHECK (length(desk) = 16),
    clerk     BLOB NOT NULL CHECK (length(clerk) = 16),
    issued_at INTEGER NOT NULL
) STRICT;
CREATE INDEX temporary_alike ON temporary_identity (desk, alike);
