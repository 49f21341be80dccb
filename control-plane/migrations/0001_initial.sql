-- Times are Unix seconds. Users and tokens are never deleted: names and ids are not used twice.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_key      TEXT    NOT NULL UNIQUE, -- the name under Unicode case folding
    role          TEXT    NOT NULL CHECK (role IN ('user', 'token_manager', 'admin')),
    active        INTEGER NOT NULL CHECK (active IN (0, 1)),
    display_name  TEXT,
    email         TEXT,
    password_hash TEXT,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id            TEXT    PRIMARY KEY,
    sha256        BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    creator       TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    scope         TEXT,
    allowed_ips   TEXT    NOT NULL, -- a JSON list of CIDRs
    prefix        TEXT    NOT NULL, -- what the secret starts with
    hint          TEXT    NOT NULL,
    control_plane INTEGER NOT NULL CHECK (control_plane IN (0, 1)),
    revoked_at    INTEGER,
    revoked_by    TEXT
) STRICT;

CREATE INDEX tokens_by_user ON tokens (user_id, id);

CREATE TABLE settings (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    body    TEXT    NOT NULL -- JSON
) STRICT;

CREATE TABLE meta (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    epoch    TEXT    NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    seq            INTEGER PRIMARY KEY CHECK (seq > 0),
    at             INTEGER NOT NULL,
    actor          TEXT    NOT NULL,
    actor_token_id TEXT,
    ip             TEXT,
    action         TEXT    NOT NULL,
    target         TEXT    NOT NULL,
    detail         TEXT    NOT NULL, -- JSON with "before" and "after"
    prev_mac       BLOB    NOT NULL,
    mac            BLOB    NOT NULL
) STRICT;

-- The chain shows a change by hand; these keep one from happening by accident.
CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
