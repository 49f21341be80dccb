-- Groups of people, and what they are looked for by.

ALTER TABLE users ADD COLUMN group_names TEXT NOT NULL DEFAULT '[]'; -- a JSON list, sorted
-- Name, display name and mail address under Unicode case folding, a line each; the program writes it.
ALTER TABLE users ADD COLUMN search_key TEXT NOT NULL DEFAULT '';
UPDATE users SET search_key =
    name_key || char(10) || lower(coalesce(display_name, '')) || char(10) || lower(coalesce(email, ''));
