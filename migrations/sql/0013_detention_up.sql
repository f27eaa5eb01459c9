-- Planned routes ---------------------------------------------------------------
-- One current row an order; a new plan supersedes the last.
CREATE TABLE planned_routes (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    source          text NOT NULL CHECK (source IN ('shipper', 'osrm', 'valhalla', 'straight_line')),
    -- good for a rough time, not for saying that a truck has left it
    degraded        boolean NOT NULL,
    -- encoded polyline with six decimals
    line            text NOT NULL,
    -- [{"distance_m", "duration_s"}], from stop to stop
    legs            jsonb NOT NULL,
    distance_m      double precision NOT NULL CHECK (distance_m >= 0),
    duration_s      double precision NOT NULL CHECK (duration_s >= 0),
    -- of what was asked: stops, truck, engine
    fingerprint     text NOT NULL,
    vehicle_id      bigint REFERENCES vehicles (id),
    -- the corridor along it, once a truck is to drive it
    geofence_id     bigint REFERENCES geofences (id),
    width_m         double precision,
    made_at         timestamptz NOT NULL,
    -- when an engine was last asked for a better one
    checked_at      timestamptz NOT NULL,
    superseded_at   timestamptz,
    -- the corridor has been told to watch no longer than to here
    ended_at        timestamptz,
    CHECK ((geofence_id IS NULL) = (width_m IS NULL))
);
CREATE UNIQUE INDEX planned_routes_current ON planned_routes (order_id) WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX planned_routes_fence ON planned_routes (geofence_id) WHERE geofence_id IS NOT NULL;
CREATE INDEX planned_routes_watching ON planned_routes (order_id) WHERE geofence_id IS NOT NULL AND ended_at IS NULL;

-- On the way -----------------------------------------------------------------
-- What a truck did that was not planned, as visits and intervals show it now.
CREATE TABLE route_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    kind            text NOT NULL CHECK (kind IN ('deviation', 'unplanned_stop')),
    -- what it follows from: visit/ID that ended, interval/ID; the same again revises the row
    cause           text NOT NULL,
    -- event times; NULL = it goes on
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz CHECK (ended_at >= started_at),
    evidence        jsonb NOT NULL,
    revision        integer NOT NULL DEFAULT 0,
    recorded_at     timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- it did not happen, as later positions show
    withdrawn_at    timestamptz
);
CREATE UNIQUE INDEX route_events_cause ON route_events (order_id, kind, cause);

-- Orders whose way is to be looked at again: written with what changed it, deleted once looked at.
CREATE TABLE route_checks (
    order_id        uuid PRIMARY KEY REFERENCES orders (id),
    due_at          timestamptz NOT NULL
);
-- stops that nobody has looked at; what else happened on a vehicle is not waited for
CREATE INDEX interval_changes_stops ON interval_changes (id)
    WHERE handled_at IS NULL AND kind IN ('stop', 'parking');

CREATE TABLE order_etas (
    order_id        uuid PRIMARY KEY REFERENCES orders (id),
    -- arrival at the last delivery, and between which times it will most likely lie
    eta_at          timestamptz NOT NULL,
    low_at          timestamptz NOT NULL,
    high_at         timestamptz NOT NULL,
    -- along a plan, or on a straight line
    method          text NOT NULL CHECK (method IN ('plan', 'straight_line')),
    remaining_m     double precision NOT NULL CHECK (remaining_m >= 0),
    speed_kmh       double precision NOT NULL CHECK (speed_kmh > 0),
    -- stops before the last delivery
    stops_left      integer NOT NULL CHECK (stops_left >= 0),
    -- how far along the plan the truck was seen
    along_m         double precision NOT NULL DEFAULT 0,
    -- event time of the position it follows from
    position_time   timestamptz NOT NULL,
    computed_at     timestamptz NOT NULL,
    -- told to be late, and not yet taken back
    late_since      timestamptz,
    CHECK (low_at <= eta_at AND eta_at <= high_at)
) WITH (fillfactor = 70);

-- Detention --------------------------------------------------------------------
-- What a shipper offers for waiting; the newest row counts.
CREATE TABLE detention_terms (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shipper_id      uuid NOT NULL REFERENCES users (id),
    -- for this order alone; NULL = for all of the shipper's
    order_id        uuid REFERENCES orders (id),
    free_minutes    integer NOT NULL CHECK (free_minutes >= 0),
    rate_xof        bigint NOT NULL CHECK (rate_xof >= 0),
    cap_hours       integer NOT NULL CHECK (cap_hours >= 0),
    set_by          uuid NOT NULL REFERENCES users (id),
    set_at          timestamptz NOT NULL
);
CREATE INDEX detention_terms_shipper ON detention_terms (shipper_id, id) WHERE order_id IS NULL;
CREATE INDEX detention_terms_order ON detention_terms (order_id, id) WHERE order_id IS NOT NULL;

-- What was agreed by awarding the order; fixed from then on.
CREATE TABLE order_detention (
    order_id        uuid PRIMARY KEY REFERENCES orders (id),
    free_minutes    integer NOT NULL CHECK (free_minutes >= 0),
    rate_xof        bigint NOT NULL CHECK (rate_xof >= 0),
    cap_hours       integer NOT NULL CHECK (cap_hours >= 0),
    claim_hours     integer NOT NULL CHECK (claim_hours > 0),
    fixed_at        timestamptz NOT NULL
);

CREATE TABLE detention_claims (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    -- pickup, delivery, or stop/SEQUENCE
    place           text NOT NULL,
    carrier_id      uuid NOT NULL REFERENCES users (id),
    shipper_id      uuid NOT NULL REFERENCES users (id),
    status          text NOT NULL DEFAULT 'claimed' CHECK (status IN ('claimed', 'accepted', 'contested', 'settled')),
    version         integer NOT NULL DEFAULT 1,
    -- as claimed; later positions do not change it
    clock_from      timestamptz NOT NULL,
    clock_to        timestamptz NOT NULL CHECK (clock_to >= clock_from),
    waited_s        bigint NOT NULL CHECK (waited_s >= 0),
    billed_hours    integer NOT NULL CHECK (billed_hours > 0),
    amount_xof      bigint NOT NULL CHECK (amount_xof >= 0),
    evidence        jsonb NOT NULL,
    -- hex, of the evidence
    evidence_sha256 text NOT NULL CHECK (evidence_sha256 ~ '^[0-9a-f]{64}$'),
    note            text NOT NULL DEFAULT '',
    claimed_by      uuid NOT NULL REFERENCES users (id),
    claimed_at      timestamptz NOT NULL,
    answered_by     uuid REFERENCES users (id),
    answered_at     timestamptz,
    answer_note     text NOT NULL DEFAULT '',
    settled_by      uuid REFERENCES users (id),
    settled_at      timestamptz,
    settled_xof     bigint CHECK (settled_xof >= 0),
    settlement_note text NOT NULL DEFAULT '',
    CHECK ((status = 'claimed') = (answered_at IS NULL)),
    CHECK ((status = 'settled') = (settled_at IS NOT NULL)),
    CHECK ((settled_at IS NULL) = (settled_xof IS NULL))
);
CREATE UNIQUE INDEX detention_claims_once ON detention_claims (order_id, place);
CREATE INDEX detention_claims_open ON detention_claims (claimed_at, id) WHERE status IN ('claimed', 'contested');
