-- Tokens that can be disabled, rotated and found. A number in the order of creation comes first: it is short, so that
-- every index can end with it, and it is what the index of descriptions knows a token by. It is never shown.

CREATE TABLE tokens_5 (
    number          INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    sha256          BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    user_id         INTEGER NOT NULL REFERENCES users (id),
    creator         TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    description_key TEXT    NOT NULL, -- the description under Unicode case folding; '' until the program has written it
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    scope           TEXT,
    allowed_ips     TEXT    NOT NULL, -- a JSON list of CIDRs
    prefix          TEXT    NOT NULL, -- what the secret starts with
    hint            TEXT    NOT NULL,
    control_plane   INTEGER NOT NULL CHECK (control_plane IN (0, 1)),
    disabled_at     INTEGER,
    disabled_by     TEXT,
    chain           TEXT, -- the id of the first token of a chain of rotations; null where there is none
    predecessor     TEXT, -- the token that this one replaced
    successor       TEXT, -- the token that replaced this one
    revoked_at      INTEGER,
    revoked_by      TEXT
) STRICT;

INSERT INTO tokens_5 (number, id, sha256, user_id, creator, description, description_key, created_at, expires_at, scope,
                      allowed_ips, prefix, hint, control_plane, revoked_at, revoked_by)
SELECT row_number() OVER (ORDER BY created_at, id), id, sha256, user_id, creator, description, '', created_at, expires_at,
       scope, allowed_ips, prefix, hint, control_plane, revoked_at, revoked_by
FROM tokens;

-- Every token has a row, so that lists can be read in the order of use: 0 is never.
CREATE TABLE token_uses_5 (
    number     INTEGER PRIMARY KEY REFERENCES tokens_5 (number),
    used_at    INTEGER NOT NULL DEFAULT 0, -- only ever grows
    ip         TEXT,
    user_agent TEXT
) STRICT;

INSERT INTO token_uses_5 (number, used_at, ip, user_agent)
SELECT t.number, coalesce(l.used_at, 0), l.ip, l.user_agent
FROM tokens_5 t LEFT JOIN token_uses l ON l.token_id = t.id;

DROP TABLE token_uses;
DROP TABLE tokens;
ALTER TABLE tokens_5 RENAME TO tokens;
ALTER TABLE token_uses_5 RENAME TO token_uses;

-- One for each order and each filter of the list; SQLite ends each with the number.
CREATE INDEX tokens_by_created ON tokens (created_at);
CREATE INDEX tokens_by_expiry ON tokens (coalesce(expires_at, 9223372036854775807));
CREATE INDEX tokens_by_description ON tokens (substr(description_key, 1, 100));
CREATE INDEX tokens_by_user ON tokens (user_id, created_at);
CREATE INDEX tokens_by_creator ON tokens (creator, created_at);
CREATE INDEX tokens_disabled ON tokens (created_at) WHERE disabled_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX tokens_revoked ON tokens (created_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX tokens_by_chain ON tokens (chain) WHERE chain IS NOT NULL;
CREATE INDEX token_uses_by_time ON token_uses (used_at);

-- Which descriptions hold which three characters. It finds candidates; the list compares the whole text.
CREATE VIRTUAL TABLE token_descriptions USING fts5 (
    description_key, content = 'tokens', content_rowid = 'number', detail = none, columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER token_description_is_added AFTER INSERT ON tokens WHEN new.description_key <> ''
BEGIN
    INSERT INTO token_descriptions (rowid, description_key) VALUES (new.number, new.description_key);
END;
CREATE TRIGGER token_description_is_removed AFTER UPDATE OF description_key ON tokens
WHEN old.description_key <> '' AND new.description_key <> old.description_key
BEGIN
    INSERT INTO token_descriptions (token_descriptions, rowid, description_key)
    VALUES ('delete', old.number, old.description_key);
END;
CREATE TRIGGER token_description_is_changed AFTER UPDATE OF description_key ON tokens
WHEN new.description_key <> '' AND new.description_key <> old.description_key
BEGIN
    INSERT INTO token_descriptions (rowid, description_key) VALUES (new.number, new.description_key);
END;
CREATE TRIGGER token_is_given_a_use AFTER INSERT ON tokens
BEGIN INSERT INTO token_uses (number) VALUES (new.number); END;
