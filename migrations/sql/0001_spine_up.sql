-- People -------------------------------------------------------------------
CREATE TABLE users (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    phone           text NOT NULL UNIQUE,
    name            text NOT NULL,
    role            text NOT NULL CHECK (role IN ('shipper', 'carrier', 'driver', 'broker', 'administrator')),
    -- the carrier a driver drives for
    carrier_id      uuid REFERENCES users (id),
    password_hash   text NOT NULL,
    is_superuser    boolean NOT NULL DEFAULT false,
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (carrier_id IS NULL OR role = 'driver')
);
CREATE INDEX users_carrier ON users (carrier_id) WHERE carrier_id IS NOT NULL;

CREATE TABLE refresh_tokens (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- all tokens rotated out of one login; reuse of a spent one revokes the family
    family          uuid NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    revoked_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);

-- Fleet --------------------------------------------------------------------
CREATE TABLE vehicles (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier_id      uuid REFERENCES users (id),
    driver_id       uuid REFERENCES users (id),
    plate           text NOT NULL UNIQUE,
    name            text NOT NULL DEFAULT '',
    capacity_kg     integer CHECK (capacity_kg > 0),
    available       boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX vehicles_carrier ON vehicles (carrier_id);

CREATE TABLE devices (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- equals the MQTT client id; never holds + # / nor begins with svc-
    uid             text NOT NULL UNIQUE CHECK (uid ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$' AND uid !~ '^svc-'),
    kind            text NOT NULL CHECK (kind IN ('tracker', 'phone')),
    carrier_id      uuid REFERENCES users (id),
    -- the driver whose phone this is
    user_id         uuid REFERENCES users (id),
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_user ON devices (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX devices_carrier ON devices (carrier_id);

CREATE TABLE device_assignments (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id       bigint NOT NULL REFERENCES devices (id),
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    -- half-open [valid_from, valid_to) in event time; NULL = without bound
    valid_from      timestamptz,
    valid_to        timestamptz,
    CHECK (valid_to > valid_from)
);
CREATE INDEX device_assignments_device ON device_assignments (device_id);
CREATE INDEX device_assignments_vehicle ON device_assignments (vehicle_id);
CREATE UNIQUE INDEX device_assignments_open ON device_assignments (device_id) WHERE valid_to IS NULL;

CREATE TABLE mqtt_credentials (
    username        text NOT NULL,
    client_id       text NOT NULL,
    salt            text NOT NULL,
    -- hex(sha256(salt || secret)); the secret is random 256 bit, so a fast hash is enough
    password_hash   text NOT NULL,
    device_id       bigint REFERENCES devices (id),
    disabled        boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (username, client_id)
);
CREATE INDEX mqtt_credentials_device ON mqtt_credentials (device_id);

-- Geofences ----------------------------------------------------------------
CREATE TABLE geofences (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id        uuid REFERENCES users (id),
    name            text NOT NULL,
    -- GeoJSON Feature: Polygon | MultiPolygon | Point + properties.radius_m | LineString + properties.width_m
    shape           jsonb NOT NULL,
    -- overrides of geofence.settings.FenceSettings; missing = default
    settings        jsonb NOT NULL DEFAULT '{}',
    -- whom it watches: one vehicle, or a carrier's vehicles, or (both NULL) every vehicle
    vehicle_id      bigint REFERENCES vehicles (id),
    carrier_id      uuid REFERENCES users (id),
    -- event-time bounds of what it judges; NULL = without bound
    valid_from      timestamptz,
    valid_until     timestamptz,
    retired_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX geofences_active ON geofences (id) WHERE retired_at IS NULL;
CREATE INDEX geofences_vehicle ON geofences (vehicle_id);

-- Telemetry ----------------------------------------------------------------
CREATE TABLE pings (
    device_id       bigint NOT NULL,
    time            timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    lat             double precision NOT NULL,
    lon             double precision NOT NULL,
    speed_kmh       real,
    heading_deg     real,
    altitude_m      real,
    -- double: folding live and refolding from here must compare the very same number
    accuracy_m      double precision,
    satellites      smallint,
    hdop            real,
    ignition        boolean,
    battery_pct     real,
    fuel_pct        real,
    odometer_km     double precision,
    seq             bigint,
    mock            boolean,
    -- {"alarms": [...], "attributes": {...}} when there is any
    extra           jsonb
);
CREATE UNIQUE INDEX pings_device_time ON pings (device_id, time);

CREATE TABLE rejected_pings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at     timestamptz NOT NULL,
    topic           text NOT NULL,
    device_uid      text,
    reason          text NOT NULL,
    detail          text NOT NULL DEFAULT '',
    payload         bytea NOT NULL,
    payload_bytes   integer NOT NULL,
    worker          text NOT NULL
);
CREATE INDEX rejected_pings_time ON rejected_pings (received_at);
CREATE INDEX rejected_pings_device ON rejected_pings (device_uid, received_at);

CREATE TABLE vehicle_states (
    vehicle_id      bigint PRIMARY KEY REFERENCES vehicles (id),
    -- bumped by every batch that touches the vehicle; a cached state of another version is stale
    version         bigint NOT NULL DEFAULT 0,
    -- checkpoint: msgpack of ingest.fold.VehicleState, and the key of the last ping in it
    state           bytea,
    state_time      timestamptz,
    -- the version that the checkpoint was made at: no later one = it holds every stored ping
    state_version   bigint NOT NULL DEFAULT 0,
    -- last used position, for maps and "available drivers"
    time            timestamptz,
    lat             double precision,
    lon             double precision,
    speed_kmh       real,
    heading_deg     real,
    accuracy_m      real,
    device_id       bigint,
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 60);

CREATE TABLE vehicle_snapshots (
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    time            timestamptz NOT NULL,
    state           bytea NOT NULL,
    PRIMARY KEY (vehicle_id, time)
);

CREATE TABLE dirty_vehicles (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    -- refold from here; NULL = from the first ping
    from_time       timestamptz,
    reason          text NOT NULL DEFAULT 'late',
    marked_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX dirty_vehicles_vehicle ON dirty_vehicles (vehicle_id, id);
CREATE INDEX dirty_vehicles_assignment ON dirty_vehicles (id) WHERE reason = 'assignment';

CREATE TABLE visits (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    geofence_id     bigint NOT NULL REFERENCES geofences (id),
    entered_at      timestamptz NOT NULL,
    exited_at       timestamptz,
    last_inside_at  timestamptz,
    -- passed through between two fixes: times are interpolated
    inferred        boolean NOT NULL DEFAULT false,
    enter_evidence  jsonb NOT NULL,
    exit_evidence   jsonb,
    revision        integer NOT NULL DEFAULT 0,
    retracted_at    timestamptz,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX visits_key ON visits (vehicle_id, geofence_id, entered_at) WHERE retracted_at IS NULL;
CREATE INDEX visits_geofence ON visits (geofence_id, entered_at);
CREATE INDEX visits_vehicle ON visits (vehicle_id, entered_at) WHERE retracted_at IS NULL;

-- Append-only: what was told about a visit, and when. The row is the outbox of orders and alerts.
CREATE TABLE crossings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    visit_id        bigint NOT NULL REFERENCES visits (id),
    vehicle_id      bigint NOT NULL,
    geofence_id     bigint NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('enter', 'exit')),
    change          text NOT NULL CHECK (change IN ('created', 'revised', 'retracted')),
    -- event time; for a retraction the time that is taken back
    time            timestamptz NOT NULL,
    -- what was told before, when revised
    previous_time   timestamptz,
    evidence        jsonb NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at      timestamptz
);
CREATE INDEX crossings_unhandled ON crossings (id) WHERE handled_at IS NULL;
CREATE INDEX crossings_vehicle ON crossings (vehicle_id, time);
CREATE INDEX crossings_visit ON crossings (visit_id);

-- What each worker did, in the batch's own transaction: received = stored + duplicate + rejected
CREATE TABLE ingest_totals (
    worker          text PRIMARY KEY,
    messages        bigint NOT NULL DEFAULT 0,
    received        bigint NOT NULL DEFAULT 0,
    stored          bigint NOT NULL DEFAULT 0,
    duplicate       bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    late            bigint NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (received = stored + duplicate + rejected)
);

-- Which sequence numbers of a native device are safe, for the application ack
CREATE TABLE device_acks (
    device_id       bigint PRIMARY KEY REFERENCES devices (id),
    stored          int8multirange NOT NULL
) WITH (fillfactor = 60);

-- Orders -------------------------------------------------------------------
CREATE TABLE orders (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    shipper_id           uuid NOT NULL REFERENCES users (id),
    status               text NOT NULL DEFAULT 'DRAFT' CHECK (status IN (
        'DRAFT', 'POSTED', 'BIDDING', 'ASSIGNED', 'PICKUP_PENDING', 'PICKED_UP', 'IN_TRANSIT',
        'DELIVERED', 'COMPLETED', 'DISPUTED', 'RESOLVED', 'CANCELLED')),
    goods                text NOT NULL,
    weight_kg            integer CHECK (weight_kg > 0),
    pickup_name          text NOT NULL,
    pickup_lat           double precision NOT NULL,
    pickup_lon           double precision NOT NULL,
    -- GeoJSON Feature, as geofences.shape
    pickup_shape         jsonb NOT NULL,
    delivery_name        text NOT NULL,
    delivery_lat         double precision NOT NULL,
    delivery_lon         double precision NOT NULL,
    delivery_shape       jsonb NOT NULL,
    pickup_geofence_id   bigint REFERENCES geofences (id),
    delivery_geofence_id bigint REFERENCES geofences (id),
    -- planned way as [[lon, lat], ...]; NULL = straight line
    planned_route        jsonb,
    carrier_id           uuid REFERENCES users (id),
    driver_id            uuid REFERENCES users (id),
    vehicle_id           bigint REFERENCES vehicles (id),
    agreed_xof           bigint CHECK (agreed_xof > 0),
    -- event times, corrected when a visit is revised
    assigned_at          timestamptz,
    arrived_pickup_at    timestamptz,
    picked_up_at         timestamptz,
    departed_pickup_at   timestamptz,
    arrived_delivery_at  timestamptz,
    departed_delivery_at timestamptz,
    delivered_at         timestamptz,
    completed_at         timestamptz,
    cancelled_at         timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX orders_shipper ON orders (shipper_id, created_at DESC, id);
CREATE INDEX orders_carrier ON orders (carrier_id, created_at DESC, id);
CREATE INDEX orders_open ON orders (created_at DESC, id) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_driver ON orders (driver_id, created_at DESC, id) WHERE driver_id IS NOT NULL;
CREATE INDEX orders_delivered ON orders (id) WHERE status = 'DELIVERED';
CREATE INDEX orders_vehicle ON orders (vehicle_id) WHERE vehicle_id IS NOT NULL;
CREATE INDEX orders_pickup_fence ON orders (pickup_geofence_id);
CREATE INDEX orders_delivery_fence ON orders (delivery_geofence_id);

CREATE TABLE bids (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    driver_id       uuid REFERENCES users (id),
    amount_xof      bigint NOT NULL CHECK (amount_xof > 0),
    message         text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'PLACED' CHECK (status IN ('PLACED', 'ACCEPTED', 'LOST', 'WITHDRAWN', 'EXPIRED')),
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX bids_one_winner ON bids (order_id) WHERE status = 'ACCEPTED';
CREATE UNIQUE INDEX bids_one_open ON bids (order_id, carrier_id) WHERE status = 'PLACED';
CREATE INDEX bids_order ON bids (order_id);
CREATE INDEX bids_carrier ON bids (carrier_id);
CREATE INDEX bids_expiring ON bids (expires_at) WHERE status = 'PLACED';

CREATE TABLE order_history (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    action          text NOT NULL,
    from_status     text,
    to_status       text NOT NULL,
    actor_kind      text NOT NULL CHECK (actor_kind IN ('person', 'geofence', 'system')),
    actor_id        uuid REFERENCES users (id),
    crossing_id     bigint REFERENCES crossings (id),
    event_time      timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    evidence        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX order_history_order ON order_history (order_id, id);
CREATE UNIQUE INDEX order_history_once ON order_history (order_id, crossing_id, action) WHERE crossing_id IS NOT NULL;

-- One row, bumped by every change of a fence, so that a worker sees staleness inside its own transaction
CREATE TABLE geofence_version (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version         bigint NOT NULL DEFAULT 0
);
INSERT INTO geofence_version DEFAULT VALUES;
CREATE FUNCTION bump_geofence_version() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN UPDATE geofence_version SET version = version + 1; RETURN NULL; END $$;
CREATE TRIGGER geofences_changed AFTER INSERT OR UPDATE OR DELETE ON geofences
    FOR EACH STATEMENT EXECUTE FUNCTION bump_geofence_version();

-- The same for who is in the fleet and which device rides on which vehicle
CREATE TABLE fleet_version (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version         bigint NOT NULL DEFAULT 0
);
INSERT INTO fleet_version DEFAULT VALUES;
CREATE FUNCTION bump_fleet_version() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN UPDATE fleet_version SET version = version + 1; RETURN NULL; END $$;
CREATE TRIGGER devices_changed AFTER INSERT OR UPDATE OR DELETE ON devices
    FOR EACH STATEMENT EXECUTE FUNCTION bump_fleet_version();
CREATE TRIGGER device_assignments_changed AFTER INSERT OR UPDATE OR DELETE ON device_assignments
    FOR EACH STATEMENT EXECUTE FUNCTION bump_fleet_version();
CREATE TRIGGER vehicles_changed AFTER INSERT OR UPDATE OF carrier_id OR DELETE ON vehicles
    FOR EACH STATEMENT EXECUTE FUNCTION bump_fleet_version();
