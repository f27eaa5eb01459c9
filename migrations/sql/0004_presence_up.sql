-- Presence ---------------------------------------------------------------------
-- Whether each device is connected, in arrival time: ingest alone writes here. Every device has its row.
CREATE TABLE device_presence (
    device_id       bigint PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'unknown' CHECK (state IN ('unknown', 'online', 'offline')),
    since           timestamptz NOT NULL DEFAULT now(),
    -- last sign of life; while it is online, written at most every MESS_PRESENCE_SEEN_EVERY_S
    last_seen_at    timestamptz,
    -- last word that it is gone: last will, status, the broker. Later than last_seen_at = told offline after the grace
    goodbye_at      timestamptz,
    -- by the MQTT broker's clock: when its newest connection was made, and when the newest one known to have ended was
    connected_at    timestamptz,
    ended_at        timestamptz,
    -- it, or the broker for it, says when it leaves; else only silence tells
    tells           boolean NOT NULL DEFAULT false,
    -- the last topic of its own that commands have a counterpart to: native, owntracks or teltonika, and what is between
    downlink        text CHECK (downlink IN ('native', 'owntracks', 'teltonika')),
    downlink_address text NOT NULL DEFAULT '',
    -- what the device says of itself, by name, and when it last said anything of it
    report          jsonb NOT NULL DEFAULT '{}',
    reported_at     timestamptz
) WITH (fillfactor = 60);
INSERT INTO device_presence (device_id) SELECT id FROM devices;
-- Rows are locked before they are judged: one that is not there cannot be.
CREATE FUNCTION add_device_presence() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO device_presence (device_id) VALUES (NEW.id) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
CREATE TRIGGER devices_presence AFTER INSERT ON devices
    FOR EACH ROW EXECUTE FUNCTION add_device_presence();

-- Append-only: what was told of a device's presence, and when. The row is the outbox of alerts.
CREATE TABLE presence_changes (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       bigint NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    -- the vehicle it was in then
    vehicle_id      bigint,
    state           text NOT NULL CHECK (state IN ('online', 'offline')),
    -- arrival time: of the message that ended its absence; of the goodbye or the last sign of life before it
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at      timestamptz
);
CREATE INDEX presence_changes_device ON presence_changes (device_id, id);
CREATE INDEX presence_changes_time ON presence_changes (recorded_at);

-- Commands ---------------------------------------------------------------------
CREATE TABLE device_commands (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    device_id       bigint NOT NULL REFERENCES devices (id),
    -- the vehicle the device was in when the command was made
    vehicle_id      bigint REFERENCES vehicles (id),
    kind            text NOT NULL CHECK (kind IN ('position_now', 'reporting_interval', 'engine_stop', 'engine_resume')),
    parameters      jsonb NOT NULL DEFAULT '{}',
    state           text NOT NULL DEFAULT 'queued' CHECK (state IN (
        'queued', 'sent', 'delivered', 'acknowledged', 'failed', 'expired', 'cancelled', 'superseded')),
    -- why a queued one is not sent yet; NULL = nothing stands in its way
    waiting         text,
    -- NULL = the platform by itself
    created_by      uuid REFERENCES users (id),
    -- of its creator's choice: the same key makes the same command
    request_key     text,
    approved_by     uuid REFERENCES users (id),
    approved_at     timestamptz,
    -- an older one of the device that this one takes the place of
    supersedes      uuid REFERENCES device_commands (id),
    attempts        integer NOT NULL DEFAULT 0,
    -- a task is handing it to the broker since then
    claimed_at      timestamptz,
    -- not looked at before: a pause after a failure, or the time that a sent one has to be answered in
    next_attempt_at timestamptz,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    delivered_at    timestamptz,
    acknowledged_at timestamptz,
    -- since when nothing more is expected, whatever the state; NULL = open
    ended_at        timestamptz,
    -- the device's words, or ours
    result          text NOT NULL DEFAULT '',
    CHECK (expires_at > created_at),
    CHECK (approved_by <> created_by)
);
CREATE UNIQUE INDEX device_commands_key ON device_commands (created_by, request_key) WHERE request_key IS NOT NULL;
-- The judges of races that a check before them loses.
CREATE UNIQUE INDEX device_commands_one_interval ON device_commands (device_id)
    WHERE kind = 'reporting_interval' AND state IN ('queued', 'sent');
CREATE UNIQUE INDEX device_commands_one_engine_stop ON device_commands (device_id)
    WHERE kind = 'engine_stop' AND state IN ('queued', 'sent');
CREATE INDEX device_commands_device ON device_commands (device_id, created_at DESC, id);
CREATE INDEX device_commands_time ON device_commands (created_at DESC, id);
CREATE INDEX device_commands_open ON device_commands (device_id, created_at) WHERE ended_at IS NULL;

-- Append-only: every step of a command, by whom, with what it was decided on.
CREATE TABLE command_steps (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    command_id      uuid NOT NULL REFERENCES device_commands (id),
    step            text NOT NULL,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('person', 'device', 'system')),
    actor_id        uuid REFERENCES users (id),
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    details         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX command_steps_command ON command_steps (command_id, id);

-- Inbox: what devices answered, written by ingest.
CREATE TABLE command_results (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       bigint NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    -- as the device wrote it; NULL = its format cannot say which command it answers
    command_id      text,
    -- it has the command and has not done it yet
    receipt         boolean NOT NULL DEFAULT false,
    ok              boolean NOT NULL,
    text            text NOT NULL DEFAULT '',
    received_at     timestamptz NOT NULL,
    handled_at      timestamptz
);
CREATE INDEX command_results_unhandled ON command_results (device_id, id) WHERE handled_at IS NULL;
CREATE INDEX command_results_time ON command_results (received_at);
