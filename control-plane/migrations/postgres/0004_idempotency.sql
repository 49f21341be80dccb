-- Requests that create something and carry an Idempotency-Key: what they were, and what was answered.

CREATE TABLE idempotency_keys (
    caller      TEXT    NOT NULL,
    key         BYTEA   NOT NULL CHECK (length(key) = 32),         -- SHA-256: whoever sends a secret leaves none here
    fingerprint BYTEA   NOT NULL CHECK (length(fingerprint) = 32), -- SHA-256 of the request
    begun_at    BIGINT  NOT NULL,
    reply       TEXT,                                              -- JSON without the secret; null while under way
    PRIMARY KEY (caller, key)
);

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (begun_at);
