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

-- Limits -------------------------------------------------------------------------
-- Counted here and not in Redis, because what they guard needs this database anyway: where it is away, nothing is guessed.
CREATE TABLE rate_limits (
    -- name of the limit, and whom it concerns
    key             text PRIMARY KEY,
    -- when everything spent will have been given back
    full_at         timestamptz NOT NULL
);
CREATE INDEX rate_limits_full ON rate_limits (full_at);

-- Wrong passwords and codes, by phone number and from where
CREATE TABLE lockouts (
    kind            text NOT NULL CHECK (kind IN ('login', 'admin', 'reset', 'password')),
    phone           text NOT NULL,
    -- IPv4 address, or the /64 of an IPv6 one
    network         text NOT NULL,
    failures        integer NOT NULL,
    failed_at       timestamptz NOT NULL,
    PRIMARY KEY (kind, phone, network)
);
CREATE INDEX lockouts_age ON lockouts (failed_at);

-- Registrations and codes ----------------------------------------------------------
-- Who has not shown yet that the phone is his; becomes a user when he does. One a number: the newest.
CREATE TABLE registrations (
    -- known to whoever registered alone
    id              uuid PRIMARY KEY,
    phone           text NOT NULL,
    name            text NOT NULL,
    role            text NOT NULL CHECK (role IN ('shipper', 'carrier', 'driver', 'broker')),
    password_hash   text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX registrations_phone ON registrations (phone);
CREATE INDEX registrations_expiry ON registrations (expires_at);

-- The one live code of a phone and purpose
CREATE TABLE one_time_codes (
    phone           text NOT NULL,
    purpose         text NOT NULL CHECK (purpose IN ('register', 'reset')),
    -- hex(HMAC-SHA256) with the server's secret
    code_hmac       text NOT NULL CHECK (code_hmac ~ '^[0-9a-f]{64}$'),
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    PRIMARY KEY (phone, purpose)
);
CREATE INDEX one_time_codes_expiry ON one_time_codes (expires_at);

-- Sessions -------------------------------------------------------------------------
-- A sign-in on one device: the family of its refresh tokens, named by its access tokens as `sid`.
CREATE TABLE sign_in_sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_name     text NOT NULL DEFAULT '',
    user_agent      text NOT NULL DEFAULT '',
    -- where it was last seen
    ip              text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    -- of its newest refresh token
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoked_why     text CHECK (revoked_why IN ('signed_out', 'revoked', 'token_reused', 'password', 'too_many')),
    CHECK ((revoked_at IS NULL) = (revoked_why IS NULL))
);
CREATE INDEX sign_in_sessions_user ON sign_in_sessions (user_id, last_seen_at DESC) WHERE revoked_at IS NULL;
CREATE INDEX sign_in_sessions_expiry ON sign_in_sessions (expires_at);
INSERT INTO sign_in_sessions (id, user_id, created_at, last_seen_at, expires_at, revoked_at, revoked_why)
    SELECT family, user_id, min(created_at), max(created_at), max(expires_at), max(revoked_at),
           CASE WHEN max(revoked_at) IS NOT NULL THEN 'signed_out' END
    FROM refresh_tokens GROUP BY family, user_id;
ALTER TABLE refresh_tokens DROP COLUMN revoked_at;
ALTER TABLE refresh_tokens ADD CONSTRAINT refresh_tokens_family_fkey
    FOREIGN KEY (family) REFERENCES sign_in_sessions (id) ON DELETE CASCADE;
