ALTER TABLE vehicle_states DROP COLUMN motion, DROP COLUMN motion_since, DROP COLUMN odometer_m,
    DROP COLUMN engine_s, DROP COLUMN mock;
DROP TABLE interval_changes;
DROP TABLE intervals;
DROP TABLE telemetry_settings;
-- Of the next older version there is no such kind; it would take a gateway for a tracker.
UPDATE devices SET kind = 'tracker', disabled = true WHERE kind = 'gateway';
ALTER TABLE devices DROP CONSTRAINT devices_kind_check;
ALTER TABLE devices ADD CONSTRAINT devices_kind_check CHECK (kind IN ('tracker', 'phone'));
ALTER TABLE devices DROP COLUMN priority;
