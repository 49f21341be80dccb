-- What proxies report. Written often, and never part of a revision: a table of its own beside tokens.

CREATE TABLE token_uses (
    token_id   TEXT   COLLATE "C" PRIMARY KEY REFERENCES tokens (id),
    used_at    BIGINT NOT NULL, -- only ever grows
    ip         TEXT,
    user_agent TEXT
);

CREATE TABLE workers (
    node            TEXT   COLLATE "C" NOT NULL,
    worker          TEXT   COLLATE "C" NOT NULL,
    instance        TEXT   COLLATE "C" NOT NULL,
    cluster         TEXT   COLLATE "C" NOT NULL,
    module_version  TEXT   NOT NULL,
    epoch           TEXT,   -- null, as the next two, while nothing is enforced
    revision        TEXT,   -- decimal: a configuration of somebody else's may have one up to 2^64 - 1
    tokens          BIGINT,
    decisions       TEXT   NOT NULL, -- a JSON object of counts
    stale_revisions BIGINT NOT NULL,
    dropped_uses    BIGINT NOT NULL,
    sequence        BIGINT NOT NULL,
    first_seen_at   BIGINT NOT NULL,
    last_report_at  BIGINT NOT NULL,
    PRIMARY KEY (node, worker, instance)
);

CREATE INDEX workers_by_last_report ON workers (last_report_at);
