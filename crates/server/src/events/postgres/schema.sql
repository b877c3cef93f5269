-- Version 1 of the tables in which Cofactor keeps events.

-- One row: the version of these tables, and the number of the next event. Whoever gives numbers locks it until the commit,
-- so that a smaller number is never seen after a larger one.
CREATE TABLE cofactor_store (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  integer NOT NULL,
    next     bigint  NOT NULL
);
INSERT INTO cofactor_store (version, next) VALUES (1, 0);

-- Other programs insert user_id, item_id, value and, if they like, time and event_id. A service gives the number.
CREATE TABLE cofactor_events (
    key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number   bigint UNIQUE,
    user_id  text COLLATE "C" NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 256),
    item_id  text COLLATE "C" NOT NULL CHECK (octet_length(item_id) BETWEEN 1 AND 256),
    value    real NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    time     bigint NOT NULL DEFAULT floor(extract(epoch FROM now())),
    event_id text COLLATE "C" UNIQUE CHECK (octet_length(event_id) BETWEEN 1 AND 256)
);
CREATE INDEX cofactor_events_by_user ON cofactor_events (user_id, number);
CREATE INDEX cofactor_events_without_number ON cofactor_events (key) WHERE number IS NULL;

-- Who has asked to be forgotten, and when, by number: what a model learned of them before no longer answers.
CREATE TABLE cofactor_erased (
    user_id text COLLATE "C" PRIMARY KEY,
    number  bigint NOT NULL
);
CREATE INDEX cofactor_erased_by_number ON cofactor_erased (number);

-- The first event that a refit, known by its model and the fingerprint of its ratings, has not seen.
CREATE TABLE cofactor_refits (
    model       text NOT NULL,
    fingerprint text NOT NULL,
    until       bigint NOT NULL,
    PRIMARY KEY (model, fingerprint)
);
