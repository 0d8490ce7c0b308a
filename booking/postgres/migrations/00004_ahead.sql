-- +goose Up

-- Where a live booking has its first dose and its second, as site * 100000000 + YYYYMMDD: what is booked at some sites from a day on, for those who plan for
-- them. Of two indexes the second is empty where everybody gets one dose; who has more than two is in a third. They cost a booking some microseconds.
CREATE INDEX bookings_first ON bookings (((doses->0->>'site')::bigint * 100000000 + replace(doses->0->>'day', '-', '')::bigint)) WHERE gone = 0;

CREATE INDEX bookings_second ON bookings (((doses->1->>'site')::bigint * 100000000 + replace(doses->1->>'day', '-', '')::bigint)) WHERE gone = 0 AND doses->1 IS NOT NULL;

CREATE INDEX bookings_more ON bookings (id) WHERE gone = 0 AND doses->2 IS NOT NULL;
