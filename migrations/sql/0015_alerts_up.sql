-- The inbox ------------------------------------------------------------------
-- One row a party and thing to tell; the words are made for its reader from kind and facts.
CREATE TABLE alerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- whose inbox: an organisation's owner, or a person himself
    party_id        uuid NOT NULL REFERENCES users (id),
    kind            text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    order_id        uuid REFERENCES orders (id),
    vehicle_id      bigint REFERENCES vehicles (id),
    -- what the texts of its kind name, and the evidence
    facts           jsonb NOT NULL DEFAULT '{}',
    -- event time: when it happened, when it was over
    at              timestamptz NOT NULL,
    ended_at        timestamptz,
    -- the same thing told again revises the row instead of making another; NULL = never the same
    dedup           text,
    revision        integer NOT NULL DEFAULT 0,
    recorded_at     timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- it did not happen after all, as later positions show
    withdrawn_at    timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by uuid REFERENCES users (id),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
CREATE UNIQUE INDEX alerts_dedup ON alerts (dedup, party_id) WHERE dedup IS NOT NULL;
CREATE INDEX alerts_party ON alerts (party_id, id);
CREATE INDEX alerts_open ON alerts (party_id, id) WHERE acknowledged_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX alerts_order ON alerts (order_id, party_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX alerts_going_on ON alerts (kind, order_id) WHERE dedup IS NOT NULL AND ended_at IS NULL AND withdrawn_at IS NULL;

-- Groups of geofences ----------------------------------------------------------
CREATE TABLE geofence_groups (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            text NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    CONSTRAINT geofence_groups_name UNIQUE (party_id, name)
);
ALTER TABLE geofences
    ADD COLUMN group_id bigint REFERENCES geofence_groups (id) ON DELETE SET NULL,
    -- redrawn: the fence that this one stands in for from its valid_from on
    ADD COLUMN replaces_id bigint REFERENCES geofences (id),
    ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE INDEX geofences_group ON geofences (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX geofences_owner ON geofences (owner_id, id) WHERE retired_at IS NULL;

-- Who is alerted of what ----------------------------------------------------------
CREATE TABLE alert_rules (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party_id        uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_by      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            text NOT NULL,
    -- of a geofence: enter, exit, dwell; interval: kinds of intervals of vehicles; alert: kinds of alerts that the
    -- platform raises by itself, for which the rule only says whom to text
    trigger         text NOT NULL CHECK (trigger IN ('enter', 'exit', 'dwell', 'interval', 'alert')),
    -- both NULL = all geofences of the party
    geofence_id     bigint REFERENCES geofences (id),
    group_id        bigint REFERENCES geofence_groups (id) ON DELETE CASCADE,
    -- NULL = all that the party may see
    vehicle_id      bigint REFERENCES vehicles (id),
    dwell_minutes   integer CHECK (dwell_minutes BETWEEN 1 AND 10080),
    -- ["tow", "speeding", ...]
    kinds           jsonb NOT NULL DEFAULT '[]',
    -- [{"days": [1, ..., 7], "start": "22:00", "end": "06:00"}], Senegal's time; empty = always
    schedule        jsonb NOT NULL DEFAULT '[]',
    -- users of the party who get a text message too
    sms_to          jsonb NOT NULL DEFAULT '[]',
    enabled         boolean NOT NULL DEFAULT true,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    CHECK (geofence_id IS NULL OR group_id IS NULL),
    CHECK ((trigger = 'dwell') = (dwell_minutes IS NOT NULL))
);
CREATE INDEX alert_rules_party ON alert_rules (party_id, id) WHERE deleted_at IS NULL;
CREATE INDEX alert_rules_dwell ON alert_rules (party_id) WHERE trigger = 'dwell' AND enabled AND deleted_at IS NULL;
