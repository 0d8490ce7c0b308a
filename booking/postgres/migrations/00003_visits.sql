-- +goose Up

-- Nobody came for dose 1: the booking is over, and not cancelled. Nodes of the version before show it as cancelled.
ALTER TABLE bookings ADD COLUMN missed boolean NOT NULL DEFAULT false;

-- +goose StatementBegin
-- Where and when a booking has doses: site * 65536 + days since 1970-01-01, for each. In the index by which a clinic finds its day, also those that nodes of the
-- version before write.
CREATE FUNCTION booking_days(doses jsonb) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg((d->>'site')::bigint * 65536 + ((d->>'day')::date - date '1970-01-01')) FROM jsonb_array_elements(doses) AS d
$$;
-- +goose StatementEnd

CREATE INDEX bookings_days ON bookings USING gin (booking_days(doses));
