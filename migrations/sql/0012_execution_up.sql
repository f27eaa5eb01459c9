-- Crews -----------------------------------------------------------------------------
-- Who was put on an order, and from when: a row at the award's first change, and one each time after.
-- The last row is the present crew; the order's own columns say the same of vehicle and driver.
CREATE TABLE order_crews (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    vehicle_id      bigint NOT NULL REFERENCES vehicles (id),
    driver_id       uuid NOT NULL REFERENCES users (id),
    since           timestamptz NOT NULL,
    -- NULL = by the award itself
    put_on_by       uuid REFERENCES users (id)
);
CREATE INDEX order_crews_order ON order_crews (order_id, id);
CREATE INDEX order_crews_driver ON order_crews (driver_id, order_id);

-- What the crew said ------------------------------------------------------------------
-- All of it, taken or not, with what came of it. Append-only but for the verdict.
CREATE TABLE driver_actions (
    user_id         uuid NOT NULL REFERENCES users (id),
    -- made by the phone, so that the same action sent again is known
    id              uuid NOT NULL,
    -- no key: an action may name an order that is none of the sender's
    order_id        uuid NOT NULL,
    crew_id         bigint REFERENCES order_crews (id),
    source          text NOT NULL CHECK (source IN ('direct', 'sync')),
    kind            text NOT NULL CHECK (kind IN (
        'accept', 'reject', 'arrived', 'loading', 'proof', 'reserve', 'note')),
    -- by the clock of whoever sent it
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    lat             double precision,
    lon             double precision,
    accuracy_m      double precision,
    body            jsonb NOT NULL DEFAULT '{}',
    -- what the consignee's code was found to be when it came; the code itself is not kept
    code_verdict    text CHECK (code_verdict IN ('right', 'earlier', 'wrong', 'locked', 'missing')),
    -- hex sha256 of what was sent: one id, one action
    fingerprint     text NOT NULL,
    verdict         text NOT NULL CHECK (verdict IN ('applied', 'kept', 'refused', 'waiting_for_file')),
    refusal         text,
    flags           text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (user_id, id),
    CHECK ((verdict = 'refused') = (refusal IS NOT NULL))
);
CREATE INDEX driver_actions_order ON driver_actions (order_id, at, id);
CREATE INDEX driver_actions_waiting ON driver_actions (order_id)
    WHERE verdict = 'waiting_for_file' OR refusal = 'order_not_picked_up';
-- One word of each of these counts; the others are kept.
CREATE UNIQUE INDEX driver_actions_counts ON driver_actions (order_id, kind)
    WHERE verdict = 'applied' AND kind IN ('loading', 'proof');

CREATE TABLE driver_action_files (
    user_id         uuid NOT NULL,
    action_id       uuid NOT NULL,
    file_id         uuid NOT NULL REFERENCES files (id),
    order_id        uuid NOT NULL,
    role            text NOT NULL CHECK (role IN ('photo', 'signature', 'reserve_photo')),
    PRIMARY KEY (user_id, action_id, file_id, role),
    FOREIGN KEY (user_id, action_id) REFERENCES driver_actions (user_id, id)
);
CREATE INDEX driver_action_files_order ON driver_action_files (order_id, file_id);

-- The consignee's code ------------------------------------------------------------------
-- The code is computed from the order, this serial and a secret of the server: it stands nowhere.
CREATE TABLE delivery_codes (
    order_id        uuid PRIMARY KEY REFERENCES orders (id),
    serial          integer NOT NULL DEFAULT 1 CHECK (serial >= 1),
    -- no delivery without it
    required        boolean NOT NULL DEFAULT false,
    -- wrong ones since the serial began
    misses          integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    -- since when the serial is this one
    renewed_at      timestamptz NOT NULL,
    -- when the consignee was texted it last
    sent_at         timestamptz
);

-- Waybills ------------------------------------------------------------------------------
-- The last number a carrier has used. Locked by whoever issues, to the end of his transaction:
-- what is rolled back leaves no gap.
CREATE TABLE waybill_counters (
    carrier_id      uuid PRIMARY KEY REFERENCES users (id),
    last_number     bigint NOT NULL CHECK (last_number >= 1)
);

CREATE TABLE waybills (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    number          bigint NOT NULL CHECK (number >= 1),
    -- of the address that the QR code holds
    token           text NOT NULL UNIQUE,
    issued_at       timestamptz NOT NULL,
    issued_by       uuid NOT NULL REFERENCES users (id),
    -- as it was at issue, and the hex sha256 of it
    content         jsonb NOT NULL,
    content_sha256  text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    -- what the carrier is paid; not everybody's business, so not in the content
    freight_xof     bigint CHECK (freight_xof > 0),
    voided_at       timestamptz,
    voided_by       uuid REFERENCES users (id),
    void_reason     text,
    CHECK ((voided_at IS NULL) = (voided_by IS NULL) AND (voided_at IS NULL) = (void_reason IS NULL))
);
CREATE UNIQUE INDEX waybills_number ON waybills (carrier_id, number);
CREATE UNIQUE INDEX waybills_one ON waybills (order_id) WHERE voided_at IS NULL;
CREATE INDEX waybills_order ON waybills (order_id, issued_at, id);
CREATE INDEX waybills_carrier ON waybills (carrier_id, issued_at DESC, id);

-- Said after the issue: reserves, the delivery, times that were corrected. Append-only.
CREATE TABLE waybill_amendments (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    waybill_id      uuid NOT NULL REFERENCES waybills (id),
    kind            text NOT NULL CHECK (kind IN ('loading', 'reserves', 'delivery')),
    at              timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    content         jsonb NOT NULL
);
CREATE INDEX waybill_amendments_waybill ON waybill_amendments (waybill_id, id);

-- The number of the waybill that is in force; the flag "none, though over 7 t" is read from it.
ALTER TABLE orders ADD COLUMN waybill_number bigint;

-- A driver who is put on later is followed from then on, and not from the award.
CREATE OR REPLACE VIEW phone_windows AS
SELECT d.id AS device_id, d.uid, w.opens_at, w.closes_at
FROM devices d
LEFT JOIN LATERAL (
    SELECT greatest(o.assigned_at, (
               SELECT min(c.since) FROM order_crews c
               WHERE c.order_id = o.id AND c.id > coalesce((
                   SELECT max(other.id) FROM order_crews other
                   WHERE other.order_id = o.id AND other.driver_id <> o.driver_id), 0))) AS opens_at,
           LEAST(o.delivered_at, o.completed_at, o.cancelled_at) AS closes_at
    FROM orders o WHERE o.driver_id = d.user_id AND o.assigned_at IS NOT NULL
    UNION ALL
    SELECT p.started_at, LEAST(p.ended_at, p.closes_at) FROM duty_periods p WHERE p.user_id = d.user_id
) AS w ON true
WHERE d.kind = 'phone' AND (d.user_id IS NOT NULL
    OR (d.disabled AND EXISTS (SELECT FROM phone_owners h WHERE h.device_id = d.id)));
