-- Who has not signed in for long, and who is told of tokens that end.

ALTER TABLE users ADD COLUMN exempt_from_suspension INTEGER NOT NULL DEFAULT 0 CHECK (exempt_from_suspension IN (0, 1));
ALTER TABLE users ADD COLUMN suspended_at INTEGER;       -- null: not suspended
ALTER TABLE settings ADD COLUMN suspends_since INTEGER;  -- when suspend_after_days was switched on; null while it is off

CREATE INDEX users_to_suspend ON users (coalesce(last_sign_in_at, created_at))
    WHERE suspended_at IS NULL AND active AND NOT exempt_from_suspension;
CREATE INDEX users_suspended ON users (id) WHERE suspended_at IS NOT NULL;

CREATE TRIGGER owner_was_suspended_or_resumed AFTER UPDATE OF suspended_at ON users
WHEN (new.suspended_at IS NULL) <> (old.suspended_at IS NULL)
BEGIN UPDATE tokens SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE user_id = new.id; END;

-- Whom posts go to. A secret is derived from a salt with the audit's key, which is not in the database.
CREATE TABLE webhooks (
    id            TEXT    PRIMARY KEY,
    url           TEXT    NOT NULL,
    description   TEXT,
    created_at    INTEGER NOT NULL,
    salt          BLOB    NOT NULL CHECK (length(salt) = 32),
    old_salt      BLOB    CHECK (length(old_salt) = 32), -- of the secret before
    old_until     INTEGER,                               -- until when it signs as well
    failing_since INTEGER,                               -- the first attempt that failed since one that did not
    disabled_at   INTEGER,
    disabled_by   TEXT
) STRICT;

-- What was, or is to be, posted. What has ended is kept: it tells what was said already.
CREATE TABLE webhook_deliveries (
    id         TEXT    PRIMARY KEY, -- the message's; sorts by time of creation
    webhook_id TEXT    NOT NULL REFERENCES webhooks (id),
    event      TEXT    NOT NULL CHECK (event IN ('token.expiring', 'webhook.test')),
    token_id   TEXT    REFERENCES tokens (id),
    stage      INTEGER, -- days before the end
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'dropped')),
    attempts   INTEGER NOT NULL,
    next_at    INTEGER NOT NULL, -- not before; while one is sending, when another may
    last_at    INTEGER,
    status     INTEGER, -- of the last reply
    problem    TEXT     -- a word of ours for why the last attempt failed
) STRICT;

CREATE UNIQUE INDEX webhook_notices ON webhook_deliveries (token_id, webhook_id, stage) WHERE token_id IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_at);
