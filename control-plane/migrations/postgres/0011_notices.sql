-- Who has not signed in for long, and who is told of tokens that end.

ALTER TABLE users
    ADD COLUMN exempt_from_suspension BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN suspended_at           BIGINT;              -- null: not suspended
ALTER TABLE settings ADD COLUMN suspends_since BIGINT;     -- when suspend_after_days was switched on; null while it is off

CREATE INDEX users_to_suspend ON users ((coalesce(last_sign_in_at, created_at)))
    WHERE suspended_at IS NULL AND active AND NOT exempt_from_suspension;
CREATE INDEX users_suspended ON users (id) WHERE suspended_at IS NOT NULL;

CREATE TRIGGER owner_is_suspended_or_resumed AFTER UPDATE OF suspended_at ON users FOR EACH ROW
WHEN ((NEW.suspended_at IS NULL) <> (OLD.suspended_at IS NULL))
EXECUTE FUNCTION gatepass_owner_changes();

-- Whom posts go to. A secret is derived from a salt with the audit's key, which is not in the database.
CREATE TABLE webhooks (
    id            TEXT   COLLATE "C" PRIMARY KEY,
    url           TEXT   NOT NULL,
    description   TEXT,
    created_at    BIGINT NOT NULL,
    salt          BYTEA  NOT NULL CHECK (length(salt) = 32),
    old_salt      BYTEA  CHECK (length(old_salt) = 32), -- of the secret before
    old_until     BIGINT,                               -- until when it signs as well
    failing_since BIGINT,                               -- the first attempt that failed since one that did not
    disabled_at   BIGINT,
    disabled_by   TEXT
);

-- What was, or is to be, posted. What has ended is kept: it tells what was said already.
CREATE TABLE webhook_deliveries (
    id         TEXT   COLLATE "C" PRIMARY KEY, -- the message's; sorts by time of creation
    webhook_id TEXT   COLLATE "C" NOT NULL REFERENCES webhooks (id),
    event      TEXT   NOT NULL CHECK (event IN ('token.expiring', 'webhook.test')),
    token_id   TEXT   COLLATE "C" REFERENCES tokens (id),
    stage      BIGINT, -- days before the end
    created_at BIGINT NOT NULL,
    state      TEXT   NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'dropped')),
    attempts   BIGINT NOT NULL,
    next_at    BIGINT NOT NULL, -- not before; while one is sending, when another may
    last_at    BIGINT,
    status     BIGINT, -- of the last reply
    problem    TEXT    -- a word of ours for why the last attempt failed
);

CREATE UNIQUE INDEX webhook_notices ON webhook_deliveries (token_id, webhook_id, stage) WHERE token_id IS NOT NULL;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_at);
