-- Text messages ------------------------------------------------------------------
-- The outbox: written in the transaction of whoever texts, sent after its commit.
CREATE TABLE sms_messages (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- E.164
    phone           text NOT NULL CHECK (phone ~ '^\+[0-9]{7,15}$'),
    -- NULL once it is sent or given up: it may hold a code
    text            text,
    purpose         text NOT NULL CHECK (purpose ~ '^[a-z_]{1,40}$'),
    state           text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed', 'expired')),
    attempts        integer NOT NULL DEFAULT 0,
    -- how often nobody knows whether the provider took it
    doubts          integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    -- a task is handing it over; lapses by itself
    claimed_at      timestamptz,
    -- not sent after this
    expires_at      timestamptz NOT NULL,
    provider        text,
    -- the provider's own id of it
    provider_ref    text,
    error           text,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CHECK ((state = 'queued') = (ended_at IS NULL)),
    CHECK (state <> 'queued' OR text IS NOT NULL)
);
CREATE INDEX sms_messages_due ON sms_messages (next_attempt_at, id) WHERE state = 'queued';
CREATE INDEX sms_messages_phone ON sms_messages (phone, id DESC);
CREATE INDEX sms_messages_ended ON sms_messages (ended_at) WHERE ended_at IS NOT NULL;
