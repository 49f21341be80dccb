-- The revision with which proxies were, or are to be, told of a token as it is: a snapshot follows the one before it by what
-- has a higher one.

ALTER TABLE tokens ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tokens_by_change ON tokens (changed);

CREATE TRIGGER token_is_new AFTER INSERT ON tokens
BEGIN UPDATE tokens SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE number = new.number; END;
CREATE TRIGGER token_has_changed
AFTER UPDATE OF id, sha256, user_id, expires_at, scope, allowed_ips, disabled_at, revoked_at ON tokens
BEGIN UPDATE tokens SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE number = new.number; END;
CREATE TRIGGER owner_has_changed AFTER UPDATE OF name, role, active ON users
WHEN new.name <> old.name OR new.role <> old.role OR new.active <> old.active
BEGIN UPDATE tokens SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE user_id = new.id; END;
