-- +goose Up

-- Messages of no booking: whom they are about, when that is not who gets them, and in which campaign.
ALTER TABLE message ADD COLUMN about BLOB NOT NULL DEFAULT x'' CHECK (length(about) IN (0, 16));
ALTER TABLE message ADD COLUMN campaign INTEGER NOT NULL DEFAULT 0;

-- Up to which number a campaign's line was looked through for those whose turn is near.
CREATE TABLE near (
    campaign INTEGER PRIMARY KEY,
    up_to    INTEGER NOT NULL CHECK (up_to >= 0)
) STRICT;

-- A million people whose turn is near must not stand before one who waits for a receipt.
DROP INDEX message_turn;
CREATE INDEX message_turn ON message (turn) WHERE state IN ('queued', 'sending') AND kind <> 'near';
CREATE INDEX message_near ON message (turn) WHERE state IN ('queued', 'sending') AND kind = 'near';
