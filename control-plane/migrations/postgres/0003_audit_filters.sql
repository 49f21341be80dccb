-- One index for each way to look for entries of the audit. Every index ends with the entry's number, so that the newest
-- come first without being sorted.

CREATE INDEX audit_by_actor ON audit (actor, seq);
CREATE INDEX audit_by_action ON audit (action, seq);
CREATE INDEX audit_by_time ON audit (at, seq);
-- A target is `token:ID user:NAME`, `user:NAME` or another word: what stands first, and whom it concerns.
CREATE INDEX audit_by_subject ON audit (left(target, strpos(target || ' user:', ' user:') - 1), seq);
CREATE INDEX audit_by_user ON audit (substr(target, strpos(target, ' user:') + 1), seq);
