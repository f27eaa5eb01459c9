-- API keys ---------------------------------------------------------------------
CREATE TABLE api_keys (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- as whom requests with this key act
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            text NOT NULL,
    -- shown in lists, so that people know which key is which
    prefix          text NOT NULL,
    -- hex(sha256(key)): the key is random 256 bit, so a fast hash is enough
    key_hash        text NOT NULL UNIQUE,
    -- ["orders:read", ...]
    scopes          jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX api_keys_party ON api_keys (party_id, created_at);

-- Webhooks ----------------------------------------------------------------------
CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url             text NOT NULL,
    -- encrypted: a copy of the database must not be enough to sign as we do
    secret          text NOT NULL,
    -- ["order.*", "bid.placed", ...]
    events          jsonb NOT NULL,
    enabled         boolean NOT NULL DEFAULT true,
    -- why the platform switched it off
    disabled_reason text,
    -- since when nothing was taken; NULL = the last delivery was
    failing_since   timestamptz,
    -- while it fails, one attempt at a time: a slow receiver must not hold every worker
    busy_until      timestamptz,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz
);
CREATE INDEX webhook_endpoints_party ON webhook_endpoints (party_id) WHERE deleted_at IS NULL;

CREATE TABLE webhook_events (
    id              uuid PRIMARY KEY,
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type            text NOT NULL,
    -- the body as it is sent, byte for byte
    body            text NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX webhook_events_party ON webhook_events (party_id, created_at, id);
CREATE INDEX webhook_events_age ON webhook_events (created_at);

CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event_id        uuid NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    endpoint_id     uuid NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    -- a worker that begins an attempt moves it ahead first: if it dies, somebody tries again then
    next_attempt_at timestamptz,
    last_status     integer,
    last_error      text,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);

-- Bulk exports --------------------------------------------------------------------
CREATE TABLE bulk_exports (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- whose sight the rows are limited to, as he sees at the time of writing
    asked_by        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind            text NOT NULL,
    format          text NOT NULL CHECK (format IN ('csv', 'ndjson')),
    from_time       timestamptz NOT NULL,
    until_time      timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('queued', 'running', 'ready', 'failed', 'deleted')),
    attempts        integer NOT NULL DEFAULT 0,
    rows_written    bigint NOT NULL DEFAULT 0,
    file_bytes      bigint,
    created_at      timestamptz NOT NULL,
    touched_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    expires_at      timestamptz,
    CHECK (until_time > from_time)
);
CREATE INDEX bulk_exports_party ON bulk_exports (party_id, created_at, id);
CREATE INDEX bulk_exports_open ON bulk_exports (touched_at) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX bulk_exports_one ON bulk_exports (party_id) WHERE state IN ('queued', 'running');
