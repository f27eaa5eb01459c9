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
