-- +goose Up

-- The chains over the rooms' events and over what else is only ever added to, see package chain; bookings keep theirs with their batches. Written
-- after the events, by whoever comes by: what comes out follows from them. Nodes of the version before write none, and are chained by the next that does.
CREATE TABLE event_chains (
    stream text   NOT NULL,
    seq    bigint NOT NULL,
    chain  bytea  NOT NULL CHECK (length(chain) = 32),
    PRIMARY KEY (stream, seq)
);

CREATE TRIGGER event_chains_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON event_chains FOR EACH STATEMENT EXECUTE FUNCTION events_stay();
