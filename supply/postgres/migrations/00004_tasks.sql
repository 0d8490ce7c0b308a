-- +goose Up

-- Work that takes longer than a request: who has it until when, and how far it is. Instants are nanoseconds since 1970; 0: none. Forgotten after a day.
CREATE TABLE supply_task (
    id        text    PRIMARY KEY,
    asker     text    NOT NULL,
    what      text    NOT NULL,
    at        bigint  NOT NULL,
    wish      bytea   NOT NULL,
    state     text    NOT NULL CHECK (state IN ('waits', 'runs', 'done', 'failed', 'stopped')),
    node      text    NOT NULL,
    until     bigint  NOT NULL,
    looked    bigint  NOT NULL,
    sites     bigint  NOT NULL,
    of_sites  bigint  NOT NULL,
    near      bigint  NOT NULL,
    people    bigint  NOT NULL,
    of_people bigint  NOT NULL,
    result    text    NOT NULL
);
