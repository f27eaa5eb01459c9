-- Disputes -----------------------------------------------------------------------
CREATE TABLE disputes (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- an order is disputed once: DISPUTED does not lead back to DELIVERED
    order_id        uuid NOT NULL CONSTRAINT disputes_order UNIQUE REFERENCES orders (id),
    -- customer: the shipper or his freight broker; carrier
    opened_side     text NOT NULL CHECK (opened_side IN ('customer', 'carrier')),
    opened_by       uuid NOT NULL REFERENCES users (id),
    reason          text NOT NULL,
    description     text NOT NULL,
    claimed_xof     bigint CHECK (claimed_xof > 0),
    state           text NOT NULL CHECK (state IN ('open', 'in_review', 'resolved', 'withdrawn')),
    -- the administrator who looks into it
    reviewer_id     uuid REFERENCES users (id),
    outcome         text CHECK (outcome IN ('upheld', 'partly_upheld', 'rejected', 'annulled', 'withdrawn')),
    -- to both sides
    verdict         text NOT NULL DEFAULT '',
    resolved_by     uuid REFERENCES users (id),
    resolved_at     timestamptz,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CHECK ((state IN ('resolved', 'withdrawn')) = (resolved_at IS NOT NULL)),
    CHECK ((outcome IS NOT NULL) = (resolved_at IS NOT NULL))
);
CREATE INDEX disputes_queue ON disputes (created_at, id) WHERE state IN ('open', 'in_review');

-- Append-only: what the sides and the administrator say, with what they show.
CREATE TABLE dispute_messages (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dispute_id      uuid NOT NULL REFERENCES disputes (id) ON DELETE CASCADE,
    side            text NOT NULL CHECK (side IN ('customer', 'carrier', 'administrator')),
    author_id       uuid NOT NULL REFERENCES users (id),
    text            text NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE INDEX dispute_messages_of ON dispute_messages (dispute_id, id);

CREATE TABLE dispute_files (
    message_id      bigint NOT NULL REFERENCES dispute_messages (id) ON DELETE CASCADE,
    file_id         uuid NOT NULL REFERENCES files (id),
    PRIMARY KEY (message_id, file_id)
);

-- What a dispute gives back
ALTER TABLE order_fees DROP CONSTRAINT order_fees_kind_check;
ALTER TABLE order_fees ADD CONSTRAINT order_fees_kind_check CHECK (kind IN ('cancellation', 'refund'));

-- Ratings --------------------------------------------------------------------------
CREATE TABLE order_ratings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    -- who rates whom: the customer's side rates the carrier, the carrier rates that side
    side            text NOT NULL CHECK (side IN ('customer', 'carrier')),
    rater_id        uuid NOT NULL REFERENCES users (id),
    rated_id        uuid NOT NULL REFERENCES users (id),
    author_id       uuid NOT NULL REFERENCES users (id),
    stars           smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment         text NOT NULL DEFAULT '',
    -- from then on the other side and the public see it: when both have rated, or the time is over
    shown_at        timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- by an administrator, when the words break the rules
    hidden_at       timestamptz,
    CONSTRAINT order_ratings_once UNIQUE (order_id, side)
);
CREATE INDEX order_ratings_rated ON order_ratings (rated_id, shown_at, id) WHERE hidden_at IS NULL;

-- Reliability ------------------------------------------------------------------------
-- The last loads of a carrier are read by these.
CREATE INDEX orders_carrier_assigned ON orders (carrier_id, assigned_at DESC) WHERE carrier_id IS NOT NULL;
CREATE INDEX order_withdrawals_carrier_time ON order_withdrawals (carrier_id, assigned_at DESC);

-- What an administrator does not count against a carrier: a road that was closed, a port that struck
CREATE TABLE reliability_waivers (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    fault           text NOT NULL CHECK (fault IN ('withdrawn', 'late_pickup', 'late_delivery')),
    reason          text NOT NULL,
    waived_by       uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    CONSTRAINT reliability_waivers_once UNIQUE (order_id, carrier_id, fault)
);
CREATE INDEX reliability_waivers_carrier ON reliability_waivers (carrier_id);

-- Incidents --------------------------------------------------------------------------
CREATE TABLE incidents (
    -- made by the phone, so that a report sent twice is one
    id              uuid PRIMARY KEY,
    order_id        uuid REFERENCES orders (id),
    vehicle_id      bigint REFERENCES vehicles (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    reported_by     uuid NOT NULL REFERENCES users (id),
    kind            text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    description     text NOT NULL DEFAULT '',
    lat             double precision CHECK (lat BETWEEN -90 AND 90),
    lon             double precision CHECK (lon BETWEEN -180 AND 180),
    happened_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    closed_at       timestamptz,
    closed_by       uuid REFERENCES users (id),
    closing_note    text NOT NULL DEFAULT '',
    CHECK ((lat IS NULL) = (lon IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX incidents_carrier ON incidents (carrier_id, recorded_at, id);
CREATE INDEX incidents_order ON incidents (order_id, recorded_at, id) WHERE order_id IS NOT NULL;

CREATE TABLE incident_files (
    incident_id     uuid NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    file_id         uuid NOT NULL REFERENCES files (id),
    PRIMARY KEY (incident_id, file_id)
);
