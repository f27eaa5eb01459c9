-- Retention --------------------------------------------------------------------
-- How long a fleet's telemetry is kept; NULL = for ever. Limits are in platform_api.retention.rules.
CREATE TABLE retention_policies (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- NULL = the platform's default, instead of MESS_PING_RETENTION_DAYS
    carrier_id      uuid REFERENCES users (id),
    ping_days       integer CHECK (ping_days > 0),
    -- of older pings one is kept for each device and interval
    thin_after_days integer CHECK (thin_after_days > 0),
    thin_to_s       integer CHECK (thin_to_s > 0),
    -- trips, stops, events; visits of fences that no order had
    interval_days   integer CHECK (interval_days > 0),
    visit_days      integer CHECK (visit_days > 0),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    updated_by      uuid REFERENCES users (id),
    CHECK ((thin_after_days IS NULL) = (thin_to_s IS NULL))
);
CREATE UNIQUE INDEX retention_policies_carrier ON retention_policies (carrier_id) NULLS NOT DISTINCT;

-- What retention and erasure took from each device. Ingest alone writes here.
CREATE TABLE ping_floors (
    device_id       bigint PRIMARY KEY REFERENCES devices (id),
    -- before it pings are gone or thinned: no vehicle is folded again from before it
    complete_from   timestamptz NOT NULL,
    -- up to where the sweep has come; NULL = not yet
    deleted_before  timestamptz,
    thinned_before  timestamptz,
    thinned_to_s    integer
);

-- Else each crossing that goes would read all of the history.
CREATE INDEX order_history_crossing ON order_history (crossing_id) WHERE crossing_id IS NOT NULL;
-- Taken back rows grow old as well.
CREATE INDEX visits_retracted ON visits (vehicle_id, entered_at) WHERE retracted_at IS NOT NULL;

-- Owners of phones -------------------------------------------------------------
-- Whose phone it was when, half-open [since, until) in event time, so that a driver's data is found after he left.
CREATE TABLE phone_owners (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       bigint NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    user_id         uuid NOT NULL REFERENCES users (id),
    -- NULL = what the phone recorded before it was registered is his too
    since           timestamptz,
    until           timestamptz
);
CREATE UNIQUE INDEX phone_owners_open ON phone_owners (device_id) WHERE until IS NULL;
CREATE INDEX phone_owners_user ON phone_owners (user_id);
INSERT INTO phone_owners (device_id, user_id) SELECT id, user_id FROM devices WHERE kind = 'phone' AND user_id IS NOT NULL;
CREATE FUNCTION remember_phone_owner() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'UPDATE' THEN UPDATE phone_owners SET until = now() WHERE device_id = NEW.id AND until IS NULL; END IF; IF
    NEW.user_id IS NOT NULL THEN INSERT INTO phone_owners (device_id, user_id, since)
        VALUES (NEW.id, NEW.user_id, CASE WHEN TG_OP = 'UPDATE' THEN now() END); END IF; RETURN NULL; END $$;
CREATE TRIGGER devices_owner_new AFTER INSERT ON devices
    FOR EACH ROW WHEN (NEW.kind = 'phone' AND NEW.user_id IS NOT NULL) EXECUTE FUNCTION remember_phone_owner();
CREATE TRIGGER devices_owner AFTER UPDATE OF user_id ON devices
    FOR EACH ROW WHEN (NEW.kind = 'phone' AND OLD.user_id IS DISTINCT FROM NEW.user_id)
    EXECUTE FUNCTION remember_phone_owner();

-- Duty -------------------------------------------------------------------------
-- A driver's own word that his phone may be followed; half-open [started_at, ended_at) in event time.
CREATE TABLE duty_periods (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users (id),
    started_at      timestamptz NOT NULL,
    -- ends by itself then, whoever forgets it
    closes_at       timestamptz NOT NULL,
    ended_at        timestamptz,
    ended_by        text CHECK (ended_by IN ('driver', 'limit')),
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (closes_at > started_at),
    CHECK (ended_at >= started_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX duty_periods_open ON duty_periods (user_id) WHERE ended_at IS NULL;
CREATE INDEX duty_periods_user ON duty_periods (user_id, started_at DESC, id);
CREATE INDEX duty_periods_closing ON duty_periods (closes_at) WHERE ended_at IS NULL;

-- When the positions of a driver's phone may be taken, in event time. A phone without any window has one row of NULLs;
-- so has one that its driver took along when he left (disabled, until the carrier says that it is his).
CREATE VIEW phone_windows AS
SELECT d.id AS device_id, d.uid, w.opens_at, w.closes_at
FROM devices d
LEFT JOIN LATERAL (
    SELECT o.assigned_at AS opens_at, LEAST(o.delivered_at, o.completed_at, o.cancelled_at) AS closes_at
    FROM orders o WHERE o.driver_id = d.user_id AND o.assigned_at IS NOT NULL
    UNION ALL
    SELECT p.started_at, LEAST(p.ended_at, p.closes_at) FROM duty_periods p WHERE p.user_id = d.user_id
) AS w ON true
WHERE d.kind = 'phone' AND (d.user_id IS NOT NULL
    OR (d.disabled AND EXISTS (SELECT FROM phone_owners h WHERE h.device_id = d.id)));

-- Whose windows changed, and when: a worker reads again only those. Bumped at the very end of a transaction (the
-- triggers are deferred), so that this row is the last lock anybody takes and versions follow the order of commits.
CREATE TABLE duty_version (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version         bigint NOT NULL DEFAULT 0
);
INSERT INTO duty_version DEFAULT VALUES;
CREATE TABLE phone_changes (
    device_id       bigint PRIMARY KEY REFERENCES devices (id) ON DELETE CASCADE,
    version         bigint NOT NULL
) WITH (fillfactor = 60);
-- The counter first: what is read after it, another transaction cannot change unseen.
CREATE FUNCTION bump_duty_version(of_users uuid[], of_device bigint) RETURNS void LANGUAGE plpgsql AS
$$ DECLARE now_at bigint; BEGIN
    UPDATE duty_version SET version = version + 1 RETURNING version INTO now_at; INSERT INTO phone_changes AS c
        (device_id, version) SELECT id, now_at FROM devices WHERE kind = 'phone' AND (id = of_device OR user_id = ANY (of_users))
        ORDER BY id ON CONFLICT (device_id) DO UPDATE SET version = EXCLUDED.version; END $$;
CREATE FUNCTION bump_duty_of_device() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM bump_duty_version(NULL, NEW.id); RETURN NULL; END $$;
CREATE FUNCTION bump_duty_of_period() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM bump_duty_version(ARRAY[OLD.user_id, NEW.user_id], NULL); RETURN NULL; END $$;
CREATE FUNCTION bump_duty_of_order() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM bump_duty_version(ARRAY[OLD.driver_id, NEW.driver_id], NULL); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER devices_duty_new AFTER INSERT ON devices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'phone') EXECUTE FUNCTION bump_duty_of_device();
CREATE CONSTRAINT TRIGGER devices_duty AFTER UPDATE OF user_id, uid, disabled ON devices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'phone') EXECUTE FUNCTION bump_duty_of_device();
CREATE CONSTRAINT TRIGGER duty_periods_duty AFTER INSERT OR UPDATE OR DELETE ON duty_periods
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bump_duty_of_period();
CREATE CONSTRAINT TRIGGER orders_duty_new AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.driver_id IS NOT NULL) EXECUTE FUNCTION bump_duty_of_order();
CREATE CONSTRAINT TRIGGER orders_duty AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.driver_id, OLD.assigned_at, OLD.delivered_at, OLD.completed_at, OLD.cancelled_at)
        IS DISTINCT FROM (NEW.driver_id, NEW.assigned_at, NEW.delivered_at, NEW.completed_at, NEW.cancelled_at))
    EXECUTE FUNCTION bump_duty_of_order();
INSERT INTO phone_changes (device_id, version) SELECT id, 0 FROM devices WHERE kind = 'phone';

-- Rights of drivers --------------------------------------------------------------
-- The copy of one driver's data; the file itself is in MESS_EXPORT_DIR.
CREATE TABLE data_exports (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject_id      uuid NOT NULL REFERENCES users (id),
    asked_by        uuid NOT NULL REFERENCES users (id),
    state           text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'ready', 'failed', 'deleted')),
    -- what is being written now, and rows written so far
    part            text,
    rows_written    bigint NOT NULL DEFAULT 0,
    file_bytes      bigint,
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    -- last sign of life of the job
    touched_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    -- the file is deleted then
    expires_at      timestamptz
);
CREATE UNIQUE INDEX data_exports_one ON data_exports (subject_id) WHERE state IN ('queued', 'running');
CREATE INDEX data_exports_subject ON data_exports (subject_id, created_at DESC, id);

-- Erasures asked for, under way and done. A done row is the tombstone: what and when, nobody's name.
CREATE TABLE erasures (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject_id      uuid NOT NULL REFERENCES users (id),
    asked_by        uuid NOT NULL REFERENCES users (id),
    state           text NOT NULL DEFAULT 'asked'
                    CHECK (state IN ('asked', 'waiting', 'running', 'done', 'withdrawn', 'lapsed')),
    -- hex(sha256(code)) of the confirmation step
    code_hash       text NOT NULL,
    created_at      timestamptz NOT NULL,
    confirmed_at    timestamptz,
    -- until then it can be withdrawn
    due_at          timestamptz,
    -- why a due one has not begun
    held_by         text,
    started_at      timestamptz,
    step            text,
    -- how far the present step has come
    cursor_id       bigint NOT NULL DEFAULT 0,
    -- rows by kind
    counts          jsonb NOT NULL DEFAULT '{}',
    finished_at     timestamptz
);
CREATE UNIQUE INDEX erasures_one ON erasures (subject_id) WHERE state IN ('asked', 'waiting', 'running');
CREATE INDEX erasures_subject ON erasures (subject_id, created_at DESC, id);

-- The part of an erasure that ingest does: positions of one phone while it was the driver's.
CREATE TABLE phone_erasures (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    erasure_id      uuid NOT NULL REFERENCES erasures (id),
    device_id       bigint NOT NULL REFERENCES devices (id),
    since           timestamptz,
    until           timestamptz,
    -- what the phone was called; NULL when that is not his alone, and once it is done
    uid             text,
    asked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    step            text NOT NULL DEFAULT 'settle' CHECK (step IN (
        'settle', 'pings', 'states', 'visits', 'crossings', 'intervals', 'refused', 'done')),
    -- how far the present step has come
    cursor_id       bigint NOT NULL DEFAULT 0,
    counts          jsonb NOT NULL DEFAULT '{}',
    finished_at     timestamptz
);
CREATE UNIQUE INDEX phone_erasures_span ON phone_erasures (erasure_id, device_id, since) NULLS NOT DISTINCT;
CREATE INDEX phone_erasures_open ON phone_erasures (id) WHERE finished_at IS NULL;

-- Names of erased phones, hashed: what they still send is refused, and nothing of it is kept. For some weeks only.
CREATE TABLE erased_uids (
    uid_sha256      text PRIMARY KEY,
    erased_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who looked at a driver's positions, and who had his data copied or erased.
CREATE TABLE access_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id      uuid NOT NULL REFERENCES users (id),
    -- NULL = the platform by itself
    actor_id        uuid REFERENCES users (id),
    actor_role      text NOT NULL,
    action          text NOT NULL,
    order_id        uuid REFERENCES orders (id),
    at              timestamptz NOT NULL,
    -- repeats of one reader, action and order within an hour are one row
    hour            timestamptz,
    last_at         timestamptz NOT NULL,
    times           integer NOT NULL DEFAULT 1
);
CREATE INDEX access_log_subject ON access_log (subject_id, id);
CREATE INDEX access_log_time ON access_log (at);
CREATE UNIQUE INDEX access_log_reads ON access_log (subject_id, actor_id, action, order_id, hour) WHERE hour IS NOT NULL;
