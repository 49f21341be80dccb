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
    of_admin INTEGER NOT NULL CHECK (of_admin IN (0, 1)),
    state    TEXT    NOT NULL,
    used     INTEGER NOT NULL CHECK (used IN (0, 1)),
    end_day  INTEGER NOT NULL,
    tokens   INTEGER NOT NULL,
    PRIMARY KEY (state, of_admin, used, end_day)
) STRICT, WITHOUT ROWID;

INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
SELECT of_admin, state, used, end_day, count(*) FROM token_places GROUP BY of_admin, state, used, end_day;

-- A token is whole once it has its row of uses. Before a change it is taken from where it counts, and after it put there.
CREATE TRIGGER new_token_counts AFTER INSERT ON token_uses
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, 1 FROM token_places WHERE number = new.number
    ON CONFLICT DO UPDATE SET tokens = tokens + 1;
END;
CREATE TRIGGER token_leaves_its_count BEFORE UPDATE OF expires_at, disabled_at, revoked_at ON tokens
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, -1 FROM token_places WHERE number = old.number
    ON CONFLICT DO UPDATE SET tokens = tokens - 1;
END;
CREATE TRIGGER token_takes_its_count AFTER UPDATE OF expires_at, disabled_at, revoked_at ON tokens
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, 1 FROM token_places WHERE number = new.number
    ON CONFLICT DO UPDATE SET tokens = tokens + 1;
END;
CREATE TRIGGER unused_token_leaves_its_count BEFORE UPDATE OF used_at ON token_uses
WHEN (old.used_at > 0) <> (new.used_at > 0)
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, -1 FROM token_places WHERE number = old.number
    ON CONFLICT DO UPDATE SET tokens = tokens - 1;
END;
CREATE TRIGGER used_token_takes_its_count AFTER UPDATE OF used_at ON token_uses
WHEN (old.used_at > 0) <> (new.used_at > 0)
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, 1 FROM token_places WHERE number = new.number
    ON CONFLICT DO UPDATE SET tokens = tokens + 1;
END;
CREATE TRIGGER tokens_of_user_leave_their_counts BEFORE UPDATE OF role ON users
WHEN (old.role = 'admin') <> (new.role = 'admin')
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, -count(*) FROM token_places WHERE user_id = old.id
    GROUP BY of_admin, state, used, end_day
    ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens;
END;
CREATE TRIGGER tokens_of_user_take_their_counts AFTER UPDATE OF role ON users
WHEN (old.role = 'admin') <> (new.role = 'admin')
BEGIN
    INSERT INTO token_counts (of_admin, state, used, end_day, tokens)
    SELECT of_admin, state, used, end_day, count(*) FROM token_places WHERE user_id = new.id
    GROUP BY of_admin, state, used, end_day
    ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens;
END;

-- What all proxies together decided: by the minute at first, by the hour later.
CREATE TABLE decision_counts (
    seconds  INTEGER NOT NULL CHECK (seconds IN (60, 3600)), -- how long a row's span is
    at       INTEGER NOT NULL,                               -- when it began
    decision TEXT    NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (seconds, at, decision)
) STRICT, WITHOUT ROWID;
