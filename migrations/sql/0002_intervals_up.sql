-- Sources --------------------------------------------------------------------
-- Of a vehicle's devices the one with the lowest number is the best source.
ALTER TABLE devices ADD COLUMN priority smallint NOT NULL DEFAULT 100 CHECK (priority BETWEEN 0 AND 1000);
UPDATE devices SET priority = 200 WHERE kind = 'phone';
ALTER TABLE devices DROP CONSTRAINT devices_kind_check;
-- a gateway sends for other devices of its carrier and has no position of its own
ALTER TABLE devices ADD CONSTRAINT devices_kind_check CHECK (kind IN ('tracker', 'phone', 'gateway'));

-- Settings ---------------------------------------------------------------------
-- Overrides of telemetry.rules.VehicleRules for a carrier's fleet, or for the vehicles that a device is in.
CREATE TABLE telemetry_settings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier_id      uuid REFERENCES users (id),
    device_id       bigint REFERENCES devices (id),
    settings        jsonb NOT NULL DEFAULT '{}',
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((carrier_id IS NULL) <> (device_id IS NULL))
);
CREATE UNIQUE INDEX telemetry_settings_carrier ON telemetry_settings (carrier_id) WHERE carrier_id IS NOT NULL;
CREATE UNIQUE INDEX telemetry_settings_device ON telemetry_settings (device_id) WHERE device_id IS NOT NULL;
CREATE TRIGGER telemetry_settings_changed AFTER INSERT OR UPDATE OR DELETE ON telemetry_settings
    FOR EACH STATEMENT EXECUTE FUNCTION bump_fleet_version();

-- Intervals --------------------------------------------------------------------
-- Trips, stops, parking, gaps, and what else lasted or happened on a vehicle, as it is known now.
CREATE TABLE intervals (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    -- trip, stop, parking, gap, takeover, handback, or a name of telemetry.alarms.ALARMS
    kind            text NOT NULL,
    -- kinds that may turn into one another: a stop grows into parking
    family          text NOT NULL,
    -- who says so: the platform concludes it, or a device reports it
    origin          text NOT NULL CHECK (origin IN ('platform', 'device')),
    -- 0 = the vehicle as a whole
    device_id       bigint NOT NULL,
    started_at      timestamptz NOT NULL,
    -- NULL while it lasts; a moment ends when it starts
    ended_at        timestamptz CHECK (ended_at >= started_at),
    -- event time of the ping that made it certain
    seen_at         timestamptz NOT NULL,
    start_lon       double precision,
    start_lat       double precision,
    end_lon         double precision,
    end_lat         double precision,
    -- what belongs to the kind, units in the names: distance_m, max_speed_kmh, ...
    details         jsonb NOT NULL DEFAULT '{}',
    revision        integer NOT NULL DEFAULT 0,
    retracted_at    timestamptz,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX intervals_key ON intervals (vehicle_id, family, origin, device_id, started_at)
    WHERE retracted_at IS NULL;
CREATE INDEX intervals_vehicle ON intervals (vehicle_id, started_at) WHERE retracted_at IS NULL;
CREATE INDEX intervals_kind ON intervals (vehicle_id, kind, started_at) WHERE retracted_at IS NULL;
-- what is going on now
CREATE INDEX intervals_open ON intervals (vehicle_id) WHERE ended_at IS NULL AND retracted_at IS NULL;
-- what was taken back
CREATE INDEX intervals_retracted ON intervals (vehicle_id, started_at) WHERE retracted_at IS NOT NULL;

-- Append-only: what was told about an interval, and when. The row is the outbox of alerts.
CREATE TABLE interval_changes (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interval_id     bigint NOT NULL REFERENCES intervals (id),
    vehicle_id      bigint NOT NULL,
    kind            text NOT NULL,
    change          text NOT NULL CHECK (change IN ('created', 'ended', 'revised', 'retracted')),
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at      timestamptz
);
CREATE INDEX interval_changes_unhandled ON interval_changes (id) WHERE handled_at IS NULL;
CREATE INDEX interval_changes_interval ON interval_changes (interval_id);

-- Vehicles -----------------------------------------------------------------------
ALTER TABLE vehicle_states
    -- moving, stopped or parked; NULL while nobody knows
    ADD COLUMN motion text CHECK (motion IN ('moving', 'stopped', 'parked')),
    ADD COLUMN motion_since timestamptz,
    -- counted by the platform over the fixes that count
    ADD COLUMN odometer_m double precision NOT NULL DEFAULT 0,
    ADD COLUMN engine_s double precision NOT NULL DEFAULT 0,
    -- the last position was made up by software, its device says
    ADD COLUMN mock boolean NOT NULL DEFAULT false;
