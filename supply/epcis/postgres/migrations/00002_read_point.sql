-- +goose Up

-- While it is made nothing can be captured, some seconds for each million events; captures are tried again meanwhile.
CREATE INDEX epcis_event_read_point ON epcis_event (read_point, time, seq);
