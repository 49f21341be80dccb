-- Tokens that can be disabled, rotated and found. A number in the order of creation is what every index ends with. It is
-- never shown.

ALTER TABLE tokens
    ADD COLUMN number          BIGINT,
    ADD COLUMN description_key TEXT COLLATE "C" NOT NULL DEFAULT '', -- under Unicode case folding; '' until it is written
    ADD COLUMN disabled_at     BIGINT,
    ADD COLUMN disabled_by     TEXT,
    ADD COLUMN chain           TEXT COLLATE "C", -- the id of the first token of a chain of rotations; null where there is none
    ADD COLUMN predecessor     TEXT COLLATE "C", -- the token that this one replaced
    ADD COLUMN successor       TEXT COLLATE "C"; -- the token that replaced this one
UPDATE tokens t SET number = n.number
FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) AS number FROM tokens) n WHERE n.id = t.id;
ALTER TABLE tokens ALTER COLUMN description_key DROP DEFAULT;
ALTER TABLE tokens ALTER COLUMN number SET NOT NULL;
ALTER TABLE tokens ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE tokens ADD UNIQUE (number);
SELECT setval(pg_get_serial_sequence('tokens', 'number'), coalesce(max(number), 0) + 1, false) FROM tokens;

-- Every token has a row, so that lists can be read in the order of use: 0 is never.
ALTER TABLE token_uses RENAME TO token_uses_5;
CREATE TABLE token_uses (
    number     BIGINT PRIMARY KEY REFERENCES tokens (number),
    used_at    BIGINT NOT NULL DEFAULT 0, -- only ever grows
    ip         TEXT,
    user_agent TEXT
);
INSERT INTO token_uses (number, used_at, ip, user_agent)
SELECT t.number, coalesce(l.used_at, 0), l.ip, l.user_agent
FROM tokens t LEFT JOIN token_uses_5 l ON l.token_id = t.id;
DROP TABLE token_uses_5;
CREATE FUNCTION gatepass_give_use() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO token_uses (number) VALUES (new.number); RETURN NULL; END $$;
CREATE TRIGGER token_is_given_a_use AFTER INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION gatepass_give_use();

-- One for each order and each filter of the list.
DROP INDEX tokens_by_user;
CREATE INDEX tokens_by_created ON tokens (created_at, number);
CREATE INDEX tokens_by_expiry ON tokens ((coalesce(expires_at, 9223372036854775807)), number);
CREATE INDEX tokens_by_description ON tokens (substr(description_key, 1, 100), number);
CREATE INDEX tokens_by_user ON tokens (user_id, created_at, number);
CREATE INDEX tokens_by_creator ON tokens (creator, created_at, number);
CREATE INDEX tokens_disabled ON tokens (created_at, number) WHERE disabled_at IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX tokens_revoked ON tokens (created_at, number) WHERE revoked_at IS NOT NULL;
CREATE INDEX tokens_by_chain ON tokens (chain) WHERE chain IS NOT NULL;
CREATE INDEX token_uses_by_time ON token_uses (used_at, number);

-- Which descriptions hold which three characters, with what every PostgreSQL has (pg_trgm may not be installed). It finds
-- candidates; the list compares the whole text.
CREATE FUNCTION gatepass_trigrams(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT array_agg(DISTINCT substr($1, n, 3)) FROM generate_series(1, length($1) - 2) n $$;
-- Without fastupdate: what waits to be put into the index would be looked through by every search.
CREATE INDEX tokens_by_trigram ON tokens USING gin (gatepass_trigrams(description_key)) WITH (fastupdate = off);
