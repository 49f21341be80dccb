-- What the overview shows: how many tokens there are, and how the proxies have decided. See docs/decisions/0016-overview.md.

-- Where a token counts. Of one that is neither revoked nor disabled the day of its end tells whether it has expired; days are
-- those of UTC since 1970, and what never ends has a day that never comes.
CREATE VIEW token_places AS
SELECT t.number, t.user_id, u.role = 'admin' AS of_admin, l.used_at > 0 AS used,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked' WHEN t.disabled_at IS NOT NULL THEN 'disabled' ELSE 'open' END AS state,
       CASE WHEN t.revoked_at IS NULL AND t.disabled_at IS NULL
            THEN coalesce(t.expires_at, 9223372036854775807) / 86400 ELSE 0 END AS end_day
FROM tokens t JOIN users u ON u.id = t.user_id JOIN token_uses l ON l.number = t.number;

-- How many tokens count where; kept by every change itself.
CREATE TABLE token_counts (
    of_admin BOOLEAN NOT NULL,
    state    TEXT    COLLATE "C" NOT NULL,
    used     BOOLEAN NOT NULL,
    end_day  BIGINT  NOT NULL,
    tokens   BIGINT  NOT NULL,
    PRIMARY KEY (state, of_admin, used, end_day)
);

INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
SELECT of_admin, state, used, end_day, count(*) FROM token_places GROUP BY of_admin, state, used, end_day;

-- A token is whole once it has its row of uses. Before a change it is taken from where it counts, and after it put there.
-- Nothing waits here for others: all writers take turns.
CREATE FUNCTION gatepass_count_token() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, TG_ARGV[0]::bigint FROM token_places WHERE number = NEW.number
    ON CONFLICT (state, of_admin, used, end_day) DO UPDATE SET tokens = token_counts.tokens + excluded.tokens;
    RETURN NEW;
END $$;
CREATE FUNCTION gatepass_count_tokens_of_user() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, TG_ARGV[0]::bigint * count(*) FROM token_places WHERE user_id = NEW.id
    GROUP BY of_admin, state, used, end_day
    ON CONFLICT (state, of_admin, used, end_day) DO UPDATE SET tokens = token_counts.tokens + excluded.tokens;
    RETURN NEW;
END $$;
CREATE TRIGGER new_token_counts AFTER INSERT ON token_uses FOR EACH ROW EXECUTE FUNCTION gatepass_count_token('1');
CREATE TRIGGER token_leaves_its_count BEFORE UPDATE OF expires_at, disabled_at, revoked_at ON tokens
FOR EACH ROW EXECUTE FUNCTION gatepass_count_token('-1');
CREATE TRIGGER token_takes_its_count AFTER UPDATE OF expires_at, disabled_at, revoked_at ON tokens
FOR EACH ROW EXECUTE FUNCTION gatepass_count_token('1');
CREATE TRIGGER unused_token_leaves_its_count BEFORE UPDATE OF used_at ON token_uses FOR EACH ROW
WHEN ((OLD.used_at > 0) <> (NEW.used_at > 0)) EXECUTE FUNCTION gatepass_count_token('-1');
CREATE TRIGGER used_token_takes_its_count AFTER UPDATE OF used_at ON token_uses FOR EACH ROW
WHEN ((OLD.used_at > 0) <> (NEW.used_at > 0)) EXECUTE FUNCTION gatepass_count_token('1');
CREATE TRIGGER tokens_of_user_leave_their_counts BEFORE UPDATE OF role ON users FOR EACH ROW
WHEN ((OLD.role = 'admin') <> (NEW.role = 'admin')) EXECUTE FUNCTION gatepass_count_tokens_of_user('-1');
CREATE TRIGGER tokens_of_user_take_their_counts AFTER UPDATE OF role ON users FOR EACH ROW
WHEN ((OLD.role = 'admin') <> (NEW.role = 'admin')) EXECUTE FUNCTION gatepass_count_tokens_of_user('1');

-- What all proxies together decided: by the minute at first, by the hour later.
CREATE TABLE decision_counts (
    seconds  BIGINT NOT NULL CHECK (seconds IN (60, 3600)), -- how long a row's span is
    at       BIGINT NOT NULL,                               -- when it began
    decision TEXT   COLLATE "C" NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (seconds, at, decision)
);
