-- Sign-ins at /admin/ ------------------------------------------------------------
CREATE TABLE admin_sessions (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- hex(sha256(token)); the token is in the browser's cookie
    token_hash      text NOT NULL UNIQUE,
    ip              text,
    user_agent      text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    ended_at        timestamptz
);
CREATE INDEX admin_sessions_user ON admin_sessions (user_id, created_at);

-- Acting as somebody else -----------------------------------------------------------
CREATE TABLE impersonations (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    administrator_id uuid NOT NULL REFERENCES users (id),
    user_id         uuid NOT NULL REFERENCES users (id),
    reason          text NOT NULL,
    may_change      boolean NOT NULL DEFAULT false,
    -- hex(sha256(token))
    token_hash      text NOT NULL UNIQUE,
    started_at      timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    ended_at        timestamptz,
    CHECK (ends_at > started_at),
    CHECK (administrator_id <> user_id)
);
CREATE INDEX impersonations_user ON impersonations (user_id, started_at);
CREATE INDEX impersonations_administrator ON impersonations (administrator_id, started_at);

CREATE TABLE impersonation_requests (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    impersonation_id uuid NOT NULL REFERENCES impersonations (id) ON DELETE CASCADE,
    at              timestamptz NOT NULL,
    method          text NOT NULL,
    path            text NOT NULL,
    request_id      text
);
CREATE INDEX impersonation_requests_of ON impersonation_requests (impersonation_id, id);

-- What administrators changed ---------------------------------------------------------
CREATE TABLE audit_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- the administrator
    actor_id        uuid REFERENCES users (id),
    -- as whom he acted; NULL = as himself
    acting_as       uuid REFERENCES users (id),
    -- admin: the pages at /admin/; api: the API; cli: the command line
    channel         text NOT NULL CHECK (channel IN ('admin', 'api', 'cli')),
    request_id      text,
    -- insert, update, delete, or what else happened (sign_in, sign_in_refused, sign_out)
    action          text NOT NULL,
    table_name      text,
    row_key         jsonb,
    -- changed columns alone, secrets left out
    before          jsonb,
    after           jsonb
);
CREATE INDEX audit_log_actor ON audit_log (actor_id, id);
CREATE INDEX audit_log_row ON audit_log (table_name, row_key);
CREATE INDEX audit_log_time ON audit_log (recorded_at);

-- Written by triggers, so that no way of changing a row goes round it. The setting `mess.audit` is local
-- to a transaction: {"actor_id", "acting_as", "channel", "request_id"}; without it nothing is written.
CREATE FUNCTION audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := current_setting('mess.audit', true)::jsonb;
    secrets text[] := ARRAY['password_hash', 'secret', 'key_hash', 'token_hash', 'code_hash', 'salt', 'token'];
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) - secrets END;
    now_is jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) - secrets END;
    key jsonb;
BEGIN
    SELECT jsonb_object_agg(name, coalesce(now_is, was) -> name) INTO key FROM unnest(TG_ARGV) AS name;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, now_is -> o.key) INTO was, now_is
        FROM jsonb_each(was) AS o WHERE o.value IS DISTINCT FROM now_is -> o.key;
    END IF;
    INSERT INTO audit_log (actor_id, acting_as, channel, request_id, action, table_name, row_key, before, after)
    VALUES (
        (context ->> 'actor_id')::uuid, (context ->> 'acting_as')::uuid, context ->> 'channel',
        context ->> 'request_id', lower(TG_OP), TG_TABLE_NAME, key, was, now_is
    );
    RETURN NULL;
END
$$;

-- Every table of the platform but those that telemetry fills, the log itself and what programs note for themselves.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.relname AS name, string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum) AS keys
        FROM pg_class c
        JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND c.relname NOT IN (
            'alembic_version', 'audit_log', 'impersonation_requests', 'idempotency_keys', 'admin_sessions',
            'pings', 'rejected_pings', 'dead_letters', 'vehicle_states', 'vehicle_snapshots', 'dirty_vehicles',
            'visits', 'crossings', 'intervals', 'interval_changes', 'ingest_totals', 'ingest_ledger', 'device_days',
            'gap_days', 'device_acks', 'device_presence', 'presence_changes', 'command_results', 'ping_floors',
            'geofence_version', 'fleet_version', 'duty_version', 'phone_changes', 'phone_owners', 'erased_uids',
            'webhook_events', 'webhook_deliveries', 'access_log'
          )
        GROUP BY c.relname
    LOOP
        EXECUTE format(
            'CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW'
            ' WHEN (nullif(current_setting(''mess.audit'', true), '''') IS NOT NULL)'
            ' EXECUTE FUNCTION audit_change(%s)', found.name, found.keys
        );
    END LOOP;
END
$$;
