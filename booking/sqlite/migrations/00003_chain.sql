-- +goose Up

-- The chain after this event, see booking.Link. NULL for events of the versions before, which may still run when this is applied:
-- they write none, and the next event with one vouches for theirs too.
ALTER TABLE events ADD COLUMN chain BLOB CHECK (length(chain) = 32);
