-- +goose Up

INSERT INTO streams (name) VALUES ('person');

-- version grows by one with each replacement; generation names the pages of the present content.
CREATE TABLE roster (
    id          text        PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 64),
    generation  bigint      NOT NULL,
    version     bigint      NOT NULL,
    people      bigint      NOT NULL,
    replaced_at timestamptz NOT NULL
);

CREATE SEQUENCE roster_generation;

-- Person keys, 16 bytes each, ascending within a page and from page to page. Keys are random: compression would find nothing.
CREATE TABLE roster_key_page (
    generation bigint NOT NULL,
    page       bigint NOT NULL,
    keys       bytea  NOT NULL CHECK (length(keys) > 0 AND length(keys) % 16 = 0),
    PRIMARY KEY (generation, page)
);
ALTER TABLE roster_key_page ALTER keys SET STORAGE EXTERNAL;

-- Rows of 36 bytes (identity index 16, person key 16, date of birth 4), ascending; first is the index of the first row.
CREATE TABLE roster_index_page (
    generation bigint NOT NULL,
    first      bytea  NOT NULL CHECK (length(first) = 16),
    rows       bytea  NOT NULL CHECK (length(rows) > 0 AND length(rows) % 36 = 0),
    PRIMARY KEY (generation, first)
);
ALTER TABLE roster_index_page ALTER rows SET STORAGE EXTERNAL;

CREATE TABLE recipient (
    nr            bigint      GENERATED ALWAYS AS IDENTITY,
    id            text        PRIMARY KEY,
    helper        bytea       NOT NULL CHECK (length(helper) = 16),
    person        bytea       NOT NULL CHECK (length(person) = 16),
    campaign      text        NOT NULL,
    name          bytea       NOT NULL, -- sealed
    born          date        NOT NULL,
    registered_at timestamptz NOT NULL,
    UNIQUE (helper, campaign, person)
);
