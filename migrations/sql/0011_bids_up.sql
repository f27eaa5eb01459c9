-- How an order is given away ------------------------------------------------------
ALTER TABLE orders
    -- sealed: a bidder sees its own bid; open: also the others' amounts. Fixed once posted.
    ADD COLUMN bidding      text NOT NULL DEFAULT 'sealed' CHECK (bidding IN ('sealed', 'open')),
    -- kept from the market while a private offer lives
    ADD COLUMN hidden       boolean NOT NULL DEFAULT false,
    -- the freight broker in whose hands it is
    ADD COLUMN broker_id    uuid REFERENCES users (id),
    -- what the customer pays the broker; the carrier never sees it
    ADD COLUMN customer_xof bigint CHECK (customer_xof > 0);
CREATE INDEX orders_broker ON orders (broker_id, created_at DESC, id) WHERE broker_id IS NOT NULL;
UPDATE orders SET broker_id = shipper_id
FROM users WHERE users.id = orders.shipper_id AND users.role = 'broker';

-- Bids: each version is kept ---------------------------------------------------------
ALTER TABLE bids
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz;
UPDATE bids SET updated_at = created_at;
ALTER TABLE bids ALTER COLUMN updated_at SET NOT NULL, ALTER COLUMN updated_at SET DEFAULT now();

CREATE TABLE bid_revisions (
    bid_id          uuid NOT NULL REFERENCES bids (id),
    version         integer NOT NULL CHECK (version > 0),
    amount_xof      bigint NOT NULL CHECK (amount_xof > 0),
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    driver_id       uuid REFERENCES users (id),
    message         text NOT NULL DEFAULT '',
    expires_at      timestamptz NOT NULL,
    -- NULL: placed before revisions were kept
    made_by         uuid REFERENCES users (id),
    made_at         timestamptz NOT NULL,
    PRIMARY KEY (bid_id, version)
);
INSERT INTO bid_revisions (bid_id, version, amount_xof, vehicle_id, driver_id, message, expires_at, made_at)
SELECT id, 1, amount_xof, vehicle_id, driver_id, message, expires_at, created_at FROM bids;

-- What the shipper would pay instead: binding while it is OPEN
CREATE TABLE bid_counters (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bid_id          uuid NOT NULL REFERENCES bids (id),
    order_id        uuid NOT NULL REFERENCES orders (id),
    amount_xof      bigint NOT NULL CHECK (amount_xof > 0),
    message         text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'OPEN' CHECK (status IN (
        'OPEN', 'ACCEPTED', 'DECLINED', 'WITHDRAWN', 'EXPIRED', 'LOST')),
    expires_at      timestamptz NOT NULL,
    made_by         uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    answered_at     timestamptz
);
CREATE UNIQUE INDEX bid_counters_one_open ON bid_counters (bid_id) WHERE status = 'OPEN';
CREATE INDEX bid_counters_order ON bid_counters (order_id);
CREATE INDEX bid_counters_expiring ON bid_counters (expires_at) WHERE status = 'OPEN';

-- Direct offers -----------------------------------------------------------------------
CREATE TABLE offers (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    amount_xof      bigint NOT NULL CHECK (amount_xof > 0),
    vehicle_wishes  text NOT NULL DEFAULT '',
    message         text NOT NULL DEFAULT '',
    -- the order is off the market while this offer is OPEN
    private         boolean NOT NULL DEFAULT false,
    status          text NOT NULL DEFAULT 'OPEN' CHECK (status IN (
        'OPEN', 'ACCEPTED', 'DECLINED', 'WITHDRAWN', 'EXPIRED', 'LOST')),
    expires_at      timestamptz NOT NULL,
    reminded_at     timestamptz,
    -- what the carrier sends
    vehicle_id      bigint REFERENCES vehicles (id),
    driver_id       uuid REFERENCES users (id),
    decline_reason  text NOT NULL DEFAULT '',
    made_by         uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    answered_by     uuid REFERENCES users (id),
    answered_at     timestamptz
);
CREATE UNIQUE INDEX offers_one_open ON offers (order_id, carrier_id) WHERE status = 'OPEN';
CREATE INDEX offers_order ON offers (order_id, created_at);
CREATE INDEX offers_carrier ON offers (carrier_id, created_at DESC, id);
CREATE INDEX offers_expiring ON offers (expires_at) WHERE status = 'OPEN';

-- Brokerage -----------------------------------------------------------------------------
-- Whose order a freight broker sells, or who gives his order to one. Nothing holds before the other says yes.
CREATE TABLE brokerages (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    broker_id       uuid NOT NULL REFERENCES users (id),
    proposed_by     text NOT NULL CHECK (proposed_by IN ('broker', 'shipper')),
    -- of a customer who need not be registered yet; forgotten with the answer, or when none came in time
    customer_phone  text,
    customer_id     uuid REFERENCES users (id),
    customer_xof    bigint NOT NULL CHECK (customer_xof > 0),
    message         text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'PROPOSED' CHECK (status IN (
        'PROPOSED', 'AGREED', 'DECLINED', 'WITHDRAWN', 'EXPIRED')),
    made_by         uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    answered_by     uuid REFERENCES users (id),
    answered_at     timestamptz,
    CHECK (status <> 'PROPOSED' OR customer_id IS NOT NULL OR customer_phone IS NOT NULL)
);
CREATE INDEX brokerages_waiting ON brokerages (created_at) WHERE status = 'PROPOSED';
CREATE UNIQUE INDEX brokerages_one_open ON brokerages (order_id) WHERE status = 'PROPOSED';
CREATE INDEX brokerages_broker ON brokerages (broker_id, created_at DESC, id);
CREATE INDEX brokerages_customer ON brokerages (customer_id, created_at DESC, id) WHERE customer_id IS NOT NULL;
CREATE INDEX brokerages_phone ON brokerages (customer_phone) WHERE status = 'PROPOSED';
