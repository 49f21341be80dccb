-- Sources: from where entries are pushed, whole lists of them at a time. An entry is to proxies what a token is, and to the
-- control plane nothing that opens it: it stands in a table of its own.

CREATE TABLE sources (
    id          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        TEXT    COLLATE "C" NOT NULL,
    description TEXT    NOT NULL,
    users       TEXT    NOT NULL, -- a JSON list of the exact names that entries may bear
    user_prefix TEXT,             -- and what further names begin with
    max_entries BIGINT  NOT NULL,
    creator     TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    revision    BIGINT  NOT NULL, -- of the source and its entries, for If-Match; goes on under a name that is used again
    pushed_at   BIGINT,           -- the last push that changed something
    pushed_by   TEXT,
    document    TEXT,             -- SHA-256 of what was pushed then, in hex
    deleted_at  BIGINT            -- a source stays, as the digests of its push tokens do
);

CREATE UNIQUE INDEX sources_by_name ON sources (name) WHERE deleted_at IS NULL;
CREATE INDEX sources_of_name ON sources (name, revision);

CREATE TABLE push_tokens (
    id             TEXT    COLLATE "C" PRIMARY KEY,
    sha256         BYTEA   NOT NULL UNIQUE CHECK (length(sha256) = 32),
    source_id      BIGINT  NOT NULL REFERENCES sources (id),
    description    TEXT    NOT NULL,
    creator        TEXT    NOT NULL,
    created_at     BIGINT  NOT NULL,
    expires_at     BIGINT,
    allowed_ips    TEXT    NOT NULL, -- a JSON list of CIDRs
    prefix         TEXT    COLLATE "C" NOT NULL, -- what the secret starts with
    hint           TEXT    NOT NULL,
    successor      TEXT,
    revoked_at     BIGINT,
    revoked_by     TEXT,
    last_pushed_at BIGINT,
    last_pushed_ip TEXT
);

CREATE INDEX push_tokens_by_source ON push_tokens (source_id, id);

CREATE TABLE source_entries (
    token_id    TEXT    COLLATE "C" PRIMARY KEY, -- as proxies know it: the source's name, a dot, and the entry's own id
    source_id   BIGINT  NOT NULL REFERENCES sources (id),
    sha256      BYTEA   NOT NULL UNIQUE CHECK (length(sha256) = 32),
    user_id     BIGINT  NOT NULL REFERENCES users (id),
    description TEXT    NOT NULL, -- '' is none
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT,
    scope       TEXT    COLLATE "C",
    allowed_ips TEXT    NOT NULL, -- a JSON list of CIDRs
    disabled_at BIGINT,
    used_at     BIGINT  NOT NULL DEFAULT 0, -- only ever grows; 0 is never
    used_ip     TEXT,
    used_agent  TEXT,
    changed     BIGINT  NOT NULL DEFAULT 0  -- as that of tokens
);

CREATE INDEX source_entries_by_source ON source_entries (source_id, token_id);
CREATE INDEX source_entries_by_user ON source_entries (user_id);
CREATE INDEX source_entries_by_expiry ON source_entries ((coalesce(expires_at, 9223372036854775807)));
CREATE INDEX source_entries_by_change ON source_entries (changed);

-- The digests of entries that are gone, with the revision that proxies are told so with. Those before a revision are
-- forgotten in time: who has an older snapshot reads everything anew.
CREATE TABLE source_removals (
    sha256  BYTEA  PRIMARY KEY CHECK (length(sha256) = 32),
    changed BIGINT NOT NULL
);

CREATE INDEX source_removals_by_change ON source_removals (changed);

CREATE TABLE source_removals_forgotten (
    id    BIGINT PRIMARY KEY CHECK (id = 1),
    until BIGINT NOT NULL -- the last revision of which removals may have been forgotten
);
INSERT INTO source_removals_forgotten (id, until) VALUES (1, 0);

CREATE TRIGGER source_entry_changes
BEFORE INSERT OR UPDATE OF user_id, expires_at, scope, allowed_ips, disabled_at ON source_entries
FOR EACH ROW EXECUTE FUNCTION gatepass_token_changes();

-- Proxies are told of a digest that goes by the digest: an entry whose secret changes is another entry.
CREATE FUNCTION gatepass_source_entry_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an entry keeps its id and its digest'; END $$;
CREATE TRIGGER source_entry_stays_the_same BEFORE UPDATE OF token_id, source_id, sha256 ON source_entries
FOR EACH ROW EXECUTE FUNCTION gatepass_source_entry_stays();

CREATE FUNCTION gatepass_source_entry_is_gone() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO source_removals (sha256, changed)
    VALUES (OLD.sha256, coalesce((SELECT revision + 1 FROM meta), 1))
    ON CONFLICT (sha256) DO UPDATE SET changed = excluded.changed;
    RETURN NULL;
END $$;
CREATE TRIGGER source_entry_is_gone AFTER DELETE ON source_entries
FOR EACH ROW EXECUTE FUNCTION gatepass_source_entry_is_gone();

CREATE FUNCTION gatepass_owner_of_source_entries_changes() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    UPDATE source_entries SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER owner_of_source_entries_changes AFTER UPDATE OF name, role, active, suspended_at ON users FOR EACH ROW
WHEN (NEW.name <> OLD.name OR NEW.role <> OLD.role OR NEW.active <> OLD.active
      OR (NEW.suspended_at IS NULL) <> (OLD.suspended_at IS NULL))
EXECUTE FUNCTION gatepass_owner_of_source_entries_changes();
