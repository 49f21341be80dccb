-- The revision with which proxies were, or are to be, told of a token as it is: a snapshot follows the one before it by what
-- has a higher one.

ALTER TABLE tokens ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX tokens_by_change ON tokens (changed);

CREATE FUNCTION gatepass_token_changes() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.changed := coalesce((SELECT revision + 1 FROM meta), 1); RETURN NEW; END $$;
CREATE TRIGGER token_changes
BEFORE INSERT OR UPDATE OF id, sha256, user_id, expires_at, scope, allowed_ips, disabled_at, revoked_at ON tokens
FOR EACH ROW EXECUTE FUNCTION gatepass_token_changes();

CREATE FUNCTION gatepass_owner_changes() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    UPDATE tokens SET changed = coalesce((SELECT revision + 1 FROM meta), 1) WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER owner_changes AFTER UPDATE OF name, role, active ON users FOR EACH ROW
WHEN (NEW.name <> OLD.name OR NEW.role <> OLD.role OR NEW.active <> OLD.active)
EXECUTE FUNCTION gatepass_owner_changes();
