-- What is known of entries of sources beside themselves.

-- When the digests of entries that are gone were pushed first: a secret does not become younger by being taken away and pushed
-- again. Kept as long as the longest bound that ends, and of each source for no more than some number of digests.

CREATE TABLE source_first_pushes (
    sha256    BLOB    PRIMARY KEY CHECK (length(sha256) = 32),
    source_id INTEGER NOT NULL REFERENCES sources (id), -- the one that had it last
    first_at  INTEGER NOT NULL,
    gone_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX source_first_pushes_by_source ON source_first_pushes (source_id, gone_at);

-- Entries of sources end as tokens do, and somebody is told. Their rows do not stay, so that nothing can point at them.
ALTER TABLE webhook_deliveries ADD COLUMN entry_id TEXT;
CREATE INDEX webhook_notices_of_entries ON webhook_deliveries (entry_id, webhook_id) WHERE entry_id IS NOT NULL;
