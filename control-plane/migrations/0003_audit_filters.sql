-- One index for each way to look for entries of the audit. Every index ends with the entry's number, so that the newest
-- come first without being sorted.

CREATE INDEX audit_by_actor ON audit (actor);
CREATE INDEX audit_by_action ON audit (action);
CREATE INDEX audit_by_time ON audit (at);
-- A target is `token:ID user:NAME`, `user:NAME` or another word: what stands first, and whom it concerns.
CREATE INDEX audit_by_subject ON audit (substr(target, 1, instr(target || ' user:', ' user:') - 1));
CREATE INDEX audit_by_user ON audit (substr(target, instr(target, ' user:') + 1));
