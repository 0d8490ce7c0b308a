-- +goose Up

-- Until when an invitation keeps the dose of a hold, whatever becomes of its slot. A hold without doses is nothing but an
-- invitation. Nodes of the version before write no value, give such a hold back when it is over as those of this one do, and do not
-- keep the stock for those who are invited: a campaign stands by surely only once all nodes are of this version.
ALTER TABLE holds ADD COLUMN invited timestamptz;

-- The chain over the events, see booking.Link. digests: those of the batch's events, 32 bytes each, in their order, written
-- with the batch. chain: that after its last event, written once the batch has its place in the feed. Nodes of the version before, which
-- may still run, write neither; whoever chains next fills in both.
ALTER TABLE booking_batches
    ADD COLUMN digests bytea,
    ADD COLUMN chain   bytea CHECK (length(chain) = 32);

-- Hashes do not get smaller by packing.
ALTER TABLE booking_batches ALTER COLUMN digests SET STORAGE EXTERNAL;

CREATE INDEX booking_batches_unchained ON booking_batches (first_seq) WHERE chain IS NULL AND events > 0;

-- +goose StatementBegin
-- What is there stays: a place in the feed, digests and chain are given once. Nodes of the version before give places and nothing else.
CREATE FUNCTION booking_batches_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id <> OLD.id OR NEW.first_event <> OLD.first_event OR NEW.events <> OLD.events
        OR OLD.first_seq IS NOT NULL AND NEW.first_seq IS DISTINCT FROM OLD.first_seq
        OR OLD.digests IS NOT NULL AND NEW.digests IS DISTINCT FROM OLD.digests
        OR OLD.chain IS NOT NULL AND NEW.chain IS DISTINCT FROM OLD.chain THEN
        RAISE EXCEPTION 'batches of events stay as they are';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER booking_batches_stay BEFORE UPDATE ON booking_batches FOR EACH ROW EXECUTE FUNCTION booking_batches_stay();

CREATE TRIGGER booking_batches_stay_there BEFORE DELETE OR TRUNCATE ON booking_batches FOR EACH STATEMENT EXECUTE FUNCTION events_stay();
