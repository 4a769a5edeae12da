-- How asks are cared for: reminders, escalations, how many answers a group needs, chains of replies; and budgets.

ALTER TABLE ask_groups ADD COLUMN need INTEGER;              -- answers that are needed; before it there was need_all alone

ALTER TABLE asks ADD COLUMN remind_at_ms INTEGER;            -- NULL when there is nothing more to remind of
ALTER TABLE asks ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE asks ADD COLUMN parent_no INTEGER;               -- asks.message_no: the ask that this one was escalated from
CREATE INDEX asks_by_parent ON asks (parent_no) WHERE parent_no IS NOT NULL;

CREATE TABLE escalations (
    ask_no INTEGER NOT NULL,                                 -- asks.message_no
    at_ms  INTEGER NOT NULL,
    step   INTEGER NOT NULL,
    target BLOB NOT NULL,                                    -- sessions.id
    PRIMARY KEY (ask_no, at_ms, step)
) STRICT, WITHOUT ROWID;

-- Messages that refer to another, by the one that they refer to. Answers in time are found by their ask.
CREATE TABLE replies (
    refers_to  BLOB NOT NULL,                                -- messages.id
    message_no INTEGER NOT NULL,
    PRIMARY KEY (refers_to, message_no)
) STRICT, WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN budget TEXT;                 -- JSON
CREATE INDEX sessions_by_parent ON sessions (parent) WHERE parent IS NOT NULL;
