-- Who is signed in, who failed to, and who people are to a provider of identities.

ALTER TABLE users ADD COLUMN last_sign_in_at BIGINT;

CREATE TABLE sessions (
    id           TEXT    COLLATE "C" PRIMARY KEY,                               -- public
    secret_hash  BYTEA   NOT NULL UNIQUE CHECK (length(secret_hash) = 32), -- SHA-256 of what the cookie holds
    user_id      BIGINT  NOT NULL REFERENCES users (id),
    method       TEXT    NOT NULL CHECK (method IN ('password', 'oidc')),
    created_at   BIGINT  NOT NULL,
    last_used_at BIGINT  NOT NULL
);

CREATE INDEX sessions_by_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_time ON sessions (created_at);

-- Failed attempts under one name since somebody last signed in with it.
CREATE TABLE sign_in_failures (
    name_hash  BYTEA   PRIMARY KEY CHECK (length(name_hash) = 32), -- keyed: what is typed as a name may be a password
    user_id    BIGINT  UNIQUE REFERENCES users (id),               -- null: nobody has this name
    failures   BIGINT  NOT NULL,
    last_at    BIGINT  NOT NULL,
    unaudited  BIGINT  NOT NULL,                                   -- attempts that no entry of the audit counts yet
    audited_at BIGINT  NOT NULL,
    ip         TEXT                                                -- of the last attempt
);

CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_at);

-- A person's identities with OpenID Connect providers (OpenID Connect Core 1.0 §5.7: issuer and subject together).
CREATE TABLE identities (
    issuer     TEXT    COLLATE "C" NOT NULL,
    subject    TEXT    COLLATE "C" NOT NULL,
    user_id    BIGINT  NOT NULL REFERENCES users (id),
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_by_user ON identities (user_id, issuer, subject);
