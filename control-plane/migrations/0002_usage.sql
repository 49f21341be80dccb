-- What proxies report. Written often, and never part of a revision: a table of its own beside tokens.

CREATE TABLE token_uses (
    token_id   TEXT    PRIMARY KEY REFERENCES tokens (id),
    used_at    INTEGER NOT NULL, -- only ever grows
    ip         TEXT,
    user_agent TEXT
) STRICT;

CREATE TABLE workers (
    node            TEXT    NOT NULL,
    worker          TEXT    NOT NULL,
    instance        TEXT    NOT NULL,
    cluster         TEXT    NOT NULL,
    module_version  TEXT    NOT NULL,
    epoch           TEXT,    -- null, as the next two, while nothing is enforced
    revision        TEXT,    -- decimal: a configuration of somebody else's may have one up to 2^64 - 1
    tokens          INTEGER,
    decisions       TEXT    NOT NULL, -- a JSON object of counts
    stale_revisions INTEGER NOT NULL,
    dropped_uses    INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    first_seen_at   INTEGER NOT NULL,
    last_report_at  INTEGER NOT NULL,
    PRIMARY KEY (node, worker, instance)
) STRICT;

CREATE INDEX workers_by_last_report ON workers (last_report_at);
