-- What an order says --------------------------------------------------------------
-- For people: read out over the phone, written on a paper. Random, as a running number would tell every
-- carrier how much the market moves; 32 letters without I L O U, 7 of them: 34 thousand million a year.
CREATE FUNCTION new_order_reference() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    alphabet CONSTANT text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    bytes bytea;
    made text;
BEGIN
    LOOP
        bytes := uuid_send(gen_random_uuid());
        made := 'MESS-' || to_char(now() AT TIME ZONE 'UTC', 'YY') || '-';
        -- of the bytes of a version 4 UUID these are random throughout
        FOR at IN 0..5 LOOP
            made := made || substr(alphabet, 1 + (get_byte(bytes, at) & 31), 1);
        END LOOP;
        made := made || substr(alphabet, 1 + (get_byte(bytes, 9) & 31), 1);
        EXIT WHEN NOT EXISTS (SELECT FROM orders WHERE reference = made);
    END LOOP;
    RETURN made;
END $$;

-- Words without accents, as people search: "thies" finds "Thiès". In French, so that "sacs" finds "sac".
CREATE FUNCTION search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('french'::regconfig, translate(lower(words), 'àâäéèêëîïôöùûüçñ', 'aaaeeeeiioouuucn'));

-- Great-circle distance on a sphere of the earth's mean radius (haversine); within 0.6 % of the ellipsoid's.
CREATE FUNCTION distance_km(lat_a double precision, lon_a double precision, lat_b double precision,
                            lon_b double precision)
    RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 2 * 6371.0088 * asin(least(1.0, sqrt(
    power(sin(radians(lat_b - lat_a) / 2), 2)
    + cos(radians(lat_a)) * cos(radians(lat_b)) * power(sin(radians(lon_b - lon_a) / 2), 2))));

ALTER TABLE orders
    ADD COLUMN reference              text,
    ADD COLUMN version                integer NOT NULL DEFAULT 1,
    ADD COLUMN category               text CHECK (length(category) <= 40),
    ADD COLUMN packaging              text CHECK (length(packaging) <= 40),
    ADD COLUMN packages               integer CHECK (packages > 0),
    ADD COLUMN volume_m3              double precision CHECK (volume_m3 > 0),
    -- what the goods are worth
    ADD COLUMN value_xof              bigint CHECK (value_xof > 0),
    -- codes, each once, sorted
    ADD COLUMN needs                  text[] NOT NULL DEFAULT '{}',
    ADD COLUMN temperature_min_c      double precision,
    ADD COLUMN temperature_max_c      double precision,
    ADD COLUMN un_number              text CHECK (un_number ~ '^[0-9]{4}$'),
    -- asked for; NULL = any
    ADD COLUMN vehicle_type           text REFERENCES vehicle_types (code),
    ADD COLUMN pickup_opens_at        timestamptz,
    ADD COLUMN pickup_closes_at       timestamptz,
    ADD COLUMN delivery_opens_at      timestamptz,
    ADD COLUMN delivery_closes_at     timestamptz,
    ADD COLUMN pickup_contact_name    text,
    ADD COLUMN pickup_contact_phone   text,
    ADD COLUMN delivery_contact_name  text,
    ADD COLUMN delivery_contact_phone text,
    -- these four and those of the stops are blank since then
    ADD COLUMN contacts_forgotten_at  timestamptz,
    ADD COLUMN instructions           text NOT NULL DEFAULT '',
    -- what the shipper thinks of paying
    ADD COLUMN target_xof             bigint CHECK (target_xof > 0),
    ADD COLUMN target_shown           boolean NOT NULL DEFAULT false,
    ADD COLUMN posted_at              timestamptz,
    -- without an award it is off the market then
    ADD COLUMN expires_at             timestamptz,
    ADD COLUMN cancel_reason          text,
    ADD COLUMN search                 tsvector GENERATED ALWAYS AS
        (search_words(goods || ' ' || pickup_name || ' ' || delivery_name)) STORED,
    ADD CHECK (temperature_min_c <= temperature_max_c),
    ADD CHECK (pickup_opens_at < pickup_closes_at),
    ADD CHECK (delivery_opens_at < delivery_closes_at);
UPDATE orders SET reference = new_order_reference();
ALTER TABLE orders
    ALTER COLUMN reference SET DEFAULT new_order_reference(),
    ALTER COLUMN reference SET NOT NULL,
    ADD CONSTRAINT orders_reference_key UNIQUE (reference);

-- The open market is a small part of all orders. By time it has an index; by place and by words:
CREATE INDEX orders_open_place ON orders (pickup_lat, pickup_lon) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_open_words ON orders USING gin (search) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_expiring ON orders (expires_at) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_contacts_kept ON orders (coalesce(cancelled_at, completed_at, updated_at))
    WHERE status IN ('COMPLETED', 'RESOLVED', 'CANCELLED') AND contacts_forgotten_at IS NULL;
-- Those who run the market read all of it.
CREATE INDEX orders_all ON orders (created_at DESC, id);
CREATE INDEX orders_words ON orders USING gin (search);
CREATE INDEX orders_shipper_status ON orders (shipper_id, status, created_at DESC, id)
    WHERE status NOT IN ('POSTED', 'BIDDING');
CREATE INDEX orders_status ON orders (status, created_at DESC, id) WHERE status NOT IN ('POSTED', 'BIDDING');

-- What a carrier bid on, in the order of lists: else each of its bids would be looked up for every page.
ALTER TABLE bids ADD COLUMN order_created_at timestamptz;
UPDATE bids SET order_created_at = o.created_at FROM orders o WHERE o.id = order_id;
CREATE FUNCTION copy_order_created_at() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    SELECT created_at INTO NEW.order_created_at FROM orders WHERE id = NEW.order_id;
    RETURN NEW;
END $$;
CREATE TRIGGER bids_order_created_at BEFORE INSERT ON bids FOR EACH ROW EXECUTE FUNCTION copy_order_created_at();
CREATE INDEX bids_carrier_order ON bids (carrier_id, order_created_at DESC, order_id DESC);

-- Stops between the first pickup and the last delivery ----------------------------
CREATE TABLE order_stops (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    sequence        integer NOT NULL CHECK (sequence BETWEEN 1 AND 20),
    kind            text NOT NULL CHECK (kind IN ('pickup', 'delivery')),
    name            text NOT NULL,
    lat             double precision NOT NULL,
    lon             double precision NOT NULL,
    -- GeoJSON Feature, as geofences.shape
    shape           jsonb NOT NULL,
    opens_at        timestamptz,
    closes_at       timestamptz,
    contact_name    text,
    contact_phone   text,
    goods_note      text NOT NULL DEFAULT '',
    geofence_id     bigint REFERENCES geofences (id),
    -- event times, corrected when a visit is revised
    arrived_at      timestamptz,
    departed_at     timestamptz,
    UNIQUE (order_id, sequence),
    CHECK (opens_at < closes_at)
);
CREATE UNIQUE INDEX order_stops_fence ON order_stops (geofence_id) WHERE geofence_id IS NOT NULL;

-- Papers ---------------------------------------------------------------------------
CREATE TABLE order_documents (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    file_id         uuid NOT NULL REFERENCES files (id),
    kind            text NOT NULL CHECK (length(kind) <= 40),
    name            text NOT NULL DEFAULT '',
    party_id        uuid NOT NULL REFERENCES users (id),
    uploaded_by     uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    removed_at      timestamptz,
    removed_by      uuid REFERENCES users (id)
);
CREATE INDEX order_documents_order ON order_documents (order_id, created_at, id);

-- Repeats ----------------------------------------------------------------------------
CREATE TABLE order_templates (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party_id        uuid NOT NULL REFERENCES users (id),
    created_by      uuid NOT NULL REFERENCES users (id),
    name            text NOT NULL,
    -- an order's body as it is sent; its times are those of an order picked up on base_date
    body            jsonb NOT NULL,
    base_date       date NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    removed_at      timestamptz
);
CREATE INDEX order_templates_party ON order_templates (party_id, created_at DESC, id) WHERE removed_at IS NULL;

CREATE TABLE order_schedules (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    template_id     uuid NOT NULL REFERENCES order_templates (id),
    party_id        uuid NOT NULL REFERENCES users (id),
    created_by      uuid NOT NULL REFERENCES users (id),
    -- ISO: 1 = Monday ... 7 = Sunday
    weekdays        integer[] NOT NULL CHECK (cardinality(weekdays) BETWEEN 1 AND 7),
    -- of Dakar, which is UTC
    at_time         time NOT NULL,
    -- from the day it is made to the day of the pickup
    lead_days       integer NOT NULL DEFAULT 0 CHECK (lead_days BETWEEN 0 AND 30),
    posts           boolean NOT NULL DEFAULT false,
    until           date,
    paused_at       timestamptz,
    -- NULL = there is none any more
    next_at         timestamptz,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    removed_at      timestamptz
);
CREATE INDEX order_schedules_party ON order_schedules (party_id, created_at DESC, id) WHERE removed_at IS NULL;
CREATE INDEX order_schedules_due ON order_schedules (next_at) WHERE paused_at IS NULL AND removed_at IS NULL;

CREATE TABLE schedule_occurrences (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule_id     uuid NOT NULL REFERENCES order_schedules (id),
    date            date NOT NULL,
    order_id        uuid REFERENCES orders (id),
    -- a code, when it could not be made or not be posted
    problem         text,
    created_at      timestamptz NOT NULL,
    UNIQUE (schedule_id, date)
);

-- What calling off costs ---------------------------------------------------------------
CREATE TABLE order_fees (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    kind            text NOT NULL CHECK (kind IN ('cancellation')),
    debtor_id       uuid NOT NULL REFERENCES users (id),
    creditor_id     uuid NOT NULL REFERENCES users (id),
    amount_xof      bigint NOT NULL CHECK (amount_xof > 0),
    -- why, as the rule said it then: stage, percentage, minimum, agreed price
    basis           jsonb NOT NULL,
    created_at      timestamptz NOT NULL
);
CREATE UNIQUE INDEX order_fees_once ON order_fees (order_id, kind, creditor_id);
CREATE INDEX order_fees_debtor ON order_fees (debtor_id, created_at DESC);
CREATE INDEX order_fees_creditor ON order_fees (creditor_id, created_at DESC);

-- A carrier that gave an assigned order back
CREATE TABLE order_withdrawals (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES orders (id),
    carrier_id      uuid NOT NULL REFERENCES users (id),
    driver_id       uuid REFERENCES users (id),
    vehicle_id      bigint REFERENCES vehicles (id),
    bid_id          uuid REFERENCES bids (id),
    reason          text NOT NULL,
    note            text NOT NULL DEFAULT '',
    -- of the order when it was given back
    status          text NOT NULL,
    assigned_at     timestamptz NOT NULL,
    withdrawn_at    timestamptz NOT NULL,
    withdrawn_by    uuid NOT NULL REFERENCES users (id)
);
CREATE INDEX order_withdrawals_carrier ON order_withdrawals (carrier_id, withdrawn_at DESC);
CREATE INDEX order_withdrawals_order ON order_withdrawals (order_id);

-- Links for the consignee ----------------------------------------------------------------
CREATE TABLE tracking_links (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id        uuid NOT NULL REFERENCES orders (id),
    created_by      uuid NOT NULL REFERENCES users (id),
    label           text NOT NULL DEFAULT '',
    -- hex sha256; the token itself is in the link alone
    token_hash      text NOT NULL UNIQUE CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    shows_plate     boolean NOT NULL DEFAULT false,
    shows_driver    boolean NOT NULL DEFAULT false,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    created_at      timestamptz NOT NULL,
    last_opened_at  timestamptz,
    opened          integer NOT NULL DEFAULT 0
);
CREATE INDEX tracking_links_order ON tracking_links (order_id, created_at DESC, id);
