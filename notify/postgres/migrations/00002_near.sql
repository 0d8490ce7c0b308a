-- +goose Up

-- Messages of no booking: whom they are about, when that is not who gets them, and in which campaign.
ALTER TABLE messages ADD COLUMN about bytea NOT NULL DEFAULT '' CHECK (length(about) IN (0, 16));
ALTER TABLE messages ADD COLUMN campaign bigint NOT NULL DEFAULT 0;

-- Up to which number a campaign's line was looked through for those whose turn is near.
CREATE TABLE message_near (
    campaign bigint PRIMARY KEY,
    up_to    bigint NOT NULL CHECK (up_to >= 0)
);

-- A million people whose turn is near must not stand before one who waits for a receipt. messages_turn stays for nodes of the
-- version before.
CREATE INDEX messages_first ON messages (turn) WHERE state IN ('queued', 'sending') AND kind <> 'near';
CREATE INDEX messages_near ON messages (turn) WHERE state IN ('queued', 'sending') AND kind = 'near';
