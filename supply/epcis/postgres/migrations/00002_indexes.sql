-- +goose Up

-- While these are made nothing can be captured, some seconds for each million events; captures are tried again meanwhile.
CREATE INDEX epcis_event_read_point ON epcis_event (read_point, time, seq);

-- Nearly all events are of one type and observe; the others are found without reading those.
CREATE INDEX epcis_event_type ON epcis_event (type, time, seq) WHERE type <> 'ObjectEvent';
CREATE INDEX epcis_event_action ON epcis_event (action, time, seq) WHERE action <> 'OBSERVE';
