-- Who is signed in, who failed to, and who people are to a provider of identities.

ALTER TABLE users ADD COLUMN last_sign_in_at INTEGER;

CREATE TABLE sessions (
    id           TEXT    PRIMARY KEY,                               -- public
    secret_hash  BLOB    NOT NULL UNIQUE CHECK (length(secret_hash) = 32), -- SHA-256 of what the cookie holds
    user_id      INTEGER NOT NULL REFERENCES users (id),
    method       TEXT    NOT NULL CHECK (method IN ('password', 'oidc')),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_time ON sessions (created_at);

-- Failed attempts under one name since somebody last signed in with it.
CREATE TABLE sign_in_failures (
    name_hash  BLOB    PRIMARY KEY CHECK (length(name_hash) = 32), -- keyed: what is typed as a name may be a password
    user_id    INTEGER UNIQUE REFERENCES users (id),               -- null: nobody has this name
    failures   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    unaudited  INTEGER NOT NULL,                                   -- attempts that no entry of the audit counts yet
    audited_at INTEGER NOT NULL,
    ip         TEXT                                                -- of the last attempt
) STRICT;

CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_at);

-- A person's identities with OpenID Connect providers (OpenID Connect Core 1.0 §5.7: issuer and subject together).
CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;

CREATE INDEX identities_by_user ON identities (user_id, issuer, subject);
