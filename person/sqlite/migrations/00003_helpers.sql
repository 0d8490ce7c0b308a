-- +goose Up

-- To tell those who help somebody.
CREATE INDEX recipient_person ON recipient (person, campaign);
