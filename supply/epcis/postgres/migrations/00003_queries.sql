-- +goose Up

-- Questions that parties left under a name.
CREATE TABLE epcis_query (
    name    text   COLLATE "C" PRIMARY KEY,
    party   text   NOT NULL,
    created bigint NOT NULL,
    body    text   NOT NULL
);
