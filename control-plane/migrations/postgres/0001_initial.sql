-- Times are Unix seconds. Users and tokens are never deleted: names and ids are not used twice. What is sorted or paged
-- by is compared byte by byte (COLLATE "C"), as SQLite does, whatever the database's own collation is.

CREATE TABLE users (
    id            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          TEXT    COLLATE "C" NOT NULL,
    name_key      TEXT    COLLATE "C" NOT NULL UNIQUE, -- the name under Unicode case folding
    role          TEXT    NOT NULL CHECK (role IN ('user', 'token_manager', 'admin')),
    active        BOOLEAN NOT NULL,
    display_name  TEXT,
    email         TEXT,
    password_hash TEXT,
    created_at    BIGINT  NOT NULL
);

CREATE TABLE tokens (
    id            TEXT    COLLATE "C" PRIMARY KEY,
    sha256        BYTEA   NOT NULL UNIQUE CHECK (length(sha256) = 32),
    user_id       BIGINT  NOT NULL REFERENCES users (id),
    creator       TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    expires_at    BIGINT,
    scope         TEXT    COLLATE "C",
    allowed_ips   TEXT    NOT NULL, -- a JSON list of CIDRs
    prefix        TEXT    COLLATE "C" NOT NULL, -- what the secret starts with
    hint          TEXT    NOT NULL,
    control_plane BOOLEAN NOT NULL,
    revoked_at    BIGINT,
    revoked_by    TEXT
);

CREATE INDEX tokens_by_user ON tokens (user_id, id);

CREATE TABLE settings (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    body    TEXT   NOT NULL -- JSON
);

CREATE TABLE meta (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    epoch    TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    lineage  TEXT   NOT NULL -- of which database's life the epoch is: docs/decisions/0007-epochs-of-replicas.md
);

CREATE TABLE audit (
    seq            BIGINT PRIMARY KEY CHECK (seq > 0),
    at             BIGINT NOT NULL,
    actor          TEXT   NOT NULL,
    actor_token_id TEXT,
    ip             TEXT,
    action         TEXT   NOT NULL,
    target         TEXT   NOT NULL,
    detail         TEXT   NOT NULL, -- JSON with "before" and "after"
    prev_mac       BYTEA  NOT NULL,
    mac            BYTEA  NOT NULL
);

-- The chain shows a change by hand; these keep one from happening by accident.
CREATE FUNCTION gatepass_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit entries are append-only'; END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION gatepass_refuse_change();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION gatepass_refuse_change();
