-- Vehicle types ------------------------------------------------------------------
-- A catalogue that administrators edit. Typical sizes are for search and advice: a vehicle has its own.
CREATE TABLE vehicle_types (
    code             text PRIMARY KEY CHECK (code ~ '^[A-Z][A-Z0-9_]{1,31}$'),
    name_fr          text NOT NULL,
    name_en          text NOT NULL,
    min_capacity_kg  integer CHECK (min_capacity_kg > 0),
    max_capacity_kg  integer CHECK (max_capacity_kg > 0),
    min_volume_m3    double precision CHECK (min_volume_m3 > 0),
    max_volume_m3    double precision CHECK (max_volume_m3 > 0),
    -- twenty-foot containers
    max_teu          smallint CHECK (max_teu > 0),
    covered          boolean NOT NULL DEFAULT false,
    refrigerated     boolean NOT NULL DEFAULT false,
    liquid           boolean NOT NULL DEFAULT false,
    bulk             boolean NOT NULL DEFAULT false,
    container        boolean NOT NULL DEFAULT false,
    -- its usual load needs a permit (convoi exceptionnel)
    abnormal_load    boolean NOT NULL DEFAULT false,
    -- false: kept for the vehicles that have it, offered to no new one
    active           boolean NOT NULL DEFAULT true,
    position         smallint NOT NULL DEFAULT 100,
    version          integer NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (max_capacity_kg >= min_capacity_kg),
    CHECK (max_volume_m3 >= min_volume_m3)
);
INSERT INTO vehicle_types (position, code, name_fr, name_en, min_capacity_kg, max_capacity_kg,
                           min_volume_m3, max_volume_m3, max_teu,
                           covered, refrigerated, liquid, bulk, container, abnormal_load) VALUES
    (10, 'BENNE', 'Camion benne ou semi-benne', 'Tipper truck or trailer', 16000, 30000, NULL, NULL, NULL,
        false, false, false, true, false, false),
    (20, 'PORTEUR', 'Camion porteur', 'Rigid truck', 3500, 16000, NULL, NULL, NULL,
        false, false, false, false, false, false),
    (30, 'SEMI_PLATEAU', 'Semi-remorque plateau ou à ridelles', 'Flatbed or dropside semi-trailer', 25000, 32000,
        NULL, NULL, NULL, false, false, false, false, false, false),
    (40, 'SEMI_TAUTLINER', 'Semi-remorque bâchée (savoyarde)', 'Curtain-sided semi-trailer', 25000, 30000,
        NULL, NULL, NULL, true, false, false, false, false, false),
    (50, 'FOURGON', 'Fourgon à caisse fermée', 'Box truck', 1000, 10000, NULL, NULL, NULL,
        true, false, false, false, false, false),
    (60, 'FRIGO', 'Camion frigorifique', 'Refrigerated truck', 3000, 25000, NULL, NULL, NULL,
        true, true, false, false, false, false),
    (70, 'CITERNE', 'Camion-citerne', 'Tanker', NULL, NULL, 15, 45, NULL,
        false, false, true, false, false, false),
    (80, 'PORTE_CONTENEUR', 'Porte-conteneur (châssis squelettique)', 'Container chassis', NULL, NULL, NULL, NULL, 2,
        false, false, false, false, true, false),
    (90, 'PORTE_ENGINS', 'Porte-engins', 'Low loader', NULL, NULL, NULL, NULL, NULL,
        false, false, false, false, false, true),
    (100, 'MARAICHER', 'Maraîcher, pick-up ou camionnette', 'Pick-up or light truck', NULL, 3500, NULL, NULL, NULL,
        false, false, false, false, false, false);

ALTER TABLE vehicles
    ADD COLUMN type_code text REFERENCES vehicle_types (code),
    ADD COLUMN volume_m3 double precision CHECK (volume_m3 > 0),
    -- empty, and laden at most, as the carte grise says (PV, PTAC or PTRA)
    ADD COLUMN tare_kg integer CHECK (tare_kg > 0),
    ADD COLUMN ptac_kg integer CHECK (ptac_kg > 0),
    ADD COLUMN axle_configuration text CHECK (axle_configuration IN (
        'RIGID_2', 'RIGID_3', 'RIGID_4', 'ARTICULATED_3', 'ARTICULATED_4', 'ARTICULATED_5', 'ARTICULATED_6',
        'ROAD_TRAIN_4', 'ROAD_TRAIN_5', 'ROAD_TRAIN_6')),
    -- outside, with the load bed
    ADD COLUMN length_m double precision CHECK (length_m > 0),
    ADD COLUMN width_m double precision CHECK (width_m > 0),
    ADD COLUMN height_m double precision CHECK (height_m > 0),
    ADD COLUMN version integer NOT NULL DEFAULT 1;
CREATE INDEX vehicles_type ON vehicles (type_code);

-- Documents of vehicles and drivers ---------------------------------------------------
CREATE TABLE fleet_document_kinds (
    code             text PRIMARY KEY CHECK (code ~ '^[A-Z][A-Z0-9_]{1,31}$'),
    subject          text NOT NULL CHECK (subject IN ('vehicle', 'driver')),
    name_fr          text NOT NULL,
    name_en          text NOT NULL,
    -- a load is not given to a vehicle or driver whose document of this kind has expired
    required         boolean NOT NULL,
    expires          boolean NOT NULL,
    -- it names the classes of vehicles that the driver may drive
    is_licence       boolean NOT NULL DEFAULT false,
    position         smallint NOT NULL DEFAULT 100,
    version          integer NOT NULL DEFAULT 1,
    CHECK (NOT is_licence OR subject = 'driver')
);
INSERT INTO fleet_document_kinds (position, code, subject, name_fr, name_en, required, expires, is_licence) VALUES
    (10, 'CARTE_GRISE', 'vehicle', 'Carte grise', 'Vehicle registration', true, false, false),
    (20, 'ASSURANCE', 'vehicle', 'Attestation d''assurance', 'Insurance certificate', true, true, false),
    (30, 'VISITE_TECHNIQUE', 'vehicle', 'Visite technique', 'Technical inspection', true, true, false),
    (40, 'LICENCE_TRANSPORT', 'vehicle', 'Licence de transport', 'Transport licence', true, true, false),
    (50, 'CARTE_BRUNE', 'vehicle', 'Carte brune CEDEAO', 'ECOWAS brown card', false, true, false),
    (60, 'PERMIS', 'driver', 'Permis de conduire', 'Driving licence', true, true, true),
    (70, 'CNI', 'driver', 'Carte nationale d''identité CEDEAO', 'ECOWAS national identity card', false, true, false),
    (80, 'PASSEPORT', 'driver', 'Passeport', 'Passport', false, true, false);

CREATE TABLE fleet_documents (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind             text NOT NULL REFERENCES fleet_document_kinds (code),
    vehicle_id       bigint REFERENCES vehicles (id),
    driver_id        uuid REFERENCES users (id),
    number           text NOT NULL DEFAULT '',
    issued_on        date,
    -- the last day on which it is valid
    expires_on       date,
    licence_classes  text[] NOT NULL DEFAULT '{}',
    file_id          uuid NOT NULL REFERENCES files (id),
    uploaded_by      uuid NOT NULL REFERENCES users (id),
    created_at       timestamptz NOT NULL,
    -- replaced by a newer one, or taken back; kept as history
    ended_at         timestamptz,
    replaced_by      uuid REFERENCES fleet_documents (id) ON DELETE SET NULL,
    CHECK (num_nonnulls(vehicle_id, driver_id) = 1),
    CHECK (expires_on >= issued_on),
    CHECK (replaced_by IS NULL OR ended_at IS NOT NULL)
);
CREATE UNIQUE INDEX fleet_documents_vehicle_current ON fleet_documents (vehicle_id, kind) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX fleet_documents_driver_current ON fleet_documents (driver_id, kind) WHERE ended_at IS NULL;
CREATE INDEX fleet_documents_vehicle ON fleet_documents (vehicle_id, created_at DESC, id);
CREATE INDEX fleet_documents_driver ON fleet_documents (driver_id, created_at DESC, id);
CREATE INDEX fleet_documents_expiring ON fleet_documents (expires_on) WHERE ended_at IS NULL;
CREATE INDEX fleet_documents_file ON fleet_documents (file_id);
CREATE INDEX fleet_documents_replaced ON fleet_documents (replaced_by) WHERE replaced_by IS NOT NULL;

-- What has been told about a document: days before its end, -1 = that it has expired
CREATE TABLE fleet_document_reminders (
    document_id      uuid NOT NULL REFERENCES fleet_documents (id) ON DELETE CASCADE,
    days             smallint NOT NULL CHECK (days IN (30, 7, 1, -1)),
    at               timestamptz NOT NULL,
    PRIMARY KEY (document_id, days)
);

-- Devices that must not stay connected ------------------------------------------------
-- The outbox for EMQX, which is told by HTTP. The embedded broker listens for the NOTIFY.
CREATE TABLE mqtt_revocations (
    client_id        text PRIMARY KEY,
    asked_at         timestamptz NOT NULL
);
CREATE FUNCTION revoke_mqtt(client text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO mqtt_revocations (client_id, asked_at) VALUES (client, clock_timestamp())
        ON CONFLICT (client_id) DO UPDATE SET asked_at = excluded.asked_at;
    SELECT pg_notify('mqtt_revoked', client);
$$;
-- Whoever changes a credential or device, by whichever way, ends the connection that it let in.
CREATE FUNCTION credential_revoked() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM revoke_mqtt(OLD.client_id); RETURN NULL; END $$;
CREATE TRIGGER mqtt_credentials_revoked AFTER UPDATE ON mqtt_credentials FOR EACH ROW
    WHEN (OLD.client_id NOT LIKE 'svc-%'
        AND (OLD.password_hash <> NEW.password_hash OR OLD.disabled IS DISTINCT FROM NEW.disabled))
    EXECUTE FUNCTION credential_revoked();
CREATE TRIGGER mqtt_credentials_deleted AFTER DELETE ON mqtt_credentials FOR EACH ROW WHEN (OLD.client_id NOT LIKE 'svc-%')
    EXECUTE FUNCTION credential_revoked();
CREATE FUNCTION device_revoked() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM revoke_mqtt(OLD.uid); RETURN NULL; END $$;
CREATE TRIGGER devices_revoked AFTER UPDATE OF disabled, user_id, uid ON devices FOR EACH ROW
    WHEN (OLD.disabled IS DISTINCT FROM NEW.disabled OR OLD.user_id IS DISTINCT FROM NEW.user_id OR OLD.uid <> NEW.uid)
    EXECUTE FUNCTION device_revoked();

-- Trackers in stock ---------------------------------------------------------------------
-- The code on a tracker's label, as a keyed hash. It is deleted when it is spent.
CREATE TABLE device_pairing_codes (
    device_id        bigint PRIMARY KEY REFERENCES devices (id),
    code_hmac        text NOT NULL UNIQUE,
    made_by          uuid NOT NULL REFERENCES users (id),
    made_at          timestamptz NOT NULL
);

-- When a vehicle cannot be had --------------------------------------------------------
CREATE TABLE vehicle_unavailabilities (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    vehicle_id       bigint NOT NULL REFERENCES vehicles (id),
    -- half-open; NULL = until somebody ends it
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz,
    reason           text NOT NULL CHECK (reason IN ('maintenance', 'breakdown', 'inspection', 'crew', 'other')),
    note             text NOT NULL DEFAULT '',
    created_by       uuid NOT NULL REFERENCES users (id),
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    CHECK (ends_at > starts_at)
);
CREATE INDEX vehicle_unavailabilities_vehicle ON vehicle_unavailabilities (vehicle_id, starts_at);

-- Who is near ---------------------------------------------------------------------------
-- A cell of 1/20 degree (5.5 km from south to north), rows of 8,192 cells each (180 degrees east is one of its own). The index is on the cell and
-- not on the position: it changes only when the truck leaves its cell, so that nearly every update of ingest
-- stays a heap-only one.
ALTER TABLE vehicle_states ADD COLUMN cell integer
    GENERATED ALWAYS AS ((floor((lat + 90) * 20) * 8192 + floor((lon + 180) * 20))::integer) STORED;
CREATE INDEX vehicle_states_cell ON vehicle_states (cell);

-- Legal limits of weights and sizes -----------------------------------------------------
-- Rows and not constants: countries change them. What is in force on a day is the newest row by valid_from.
CREATE TABLE legal_limits (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- ISO 3166-1 alpha-2
    country             text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    what                text NOT NULL CHECK (what IN (
        'gross_weight', 'steering_axle', 'single_axle', 'tandem', 'tridem', 'width', 'width_refrigerated', 'height',
        'length', 'tolerance', 'fine_overload_national', 'fine_overload_international', 'fine_size',
        'fine_loading_site', 'waybill_from')),
    -- NULL = whatever stands on the road
    axle_configuration  text,
    amount              double precision NOT NULL CHECK (amount >= 0),
    unit                text NOT NULL CHECK (unit IN ('kg', 'm', '%', 'XOF', 'XOF/t')),
    source              text NOT NULL,
    -- false: one source only, or sources that differ
    confirmed           boolean NOT NULL,
    note                text NOT NULL DEFAULT '',
    valid_from          date NOT NULL,
    created_by          uuid REFERENCES users (id),
    created_at          timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX legal_limits_key ON legal_limits (country, what, coalesce(axle_configuration, ''), valid_from);
INSERT INTO legal_limits (country, what, axle_configuration, amount, unit, source, confirmed, note, valid_from) VALUES
    ('SN', 'gross_weight', 'RIGID_2', 18000, 'kg', 'UEMOA 14/2005, fer.ci/pesage/reglement', true, '', '2005-12-16'),
    ('SN', 'gross_weight', 'RIGID_3', 26000, 'kg', 'UEMOA 14/2005, fer.ci/pesage/reglement', true, '', '2005-12-16'),
    ('SN', 'gross_weight', 'ARTICULATED_4', 38000, 'kg', 'UEMOA 14/2005', false, '', '2005-12-16'),
    ('SN', 'gross_weight', 'ARTICULATED_5', 43000, 'kg', 'UEMOA 14/2005', false, '43 à 46 t selon les sources', '2005-12-16'),
    ('SN', 'gross_weight', 'ARTICULATED_6', 51000, 'kg', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'gross_weight', 'ROAD_TRAIN_4', 38000, 'kg', 'UEMOA 14/2005', false, '', '2005-12-16'),
    ('SN', 'gross_weight', 'ROAD_TRAIN_5', 43000, 'kg', 'UEMOA 14/2005', false, '43 à 46 t selon les sources', '2005-12-16'),
    ('SN', 'gross_weight', 'ROAD_TRAIN_6', 51000, 'kg', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'steering_axle', NULL, 6000, 'kg', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'single_axle', NULL, 11500, 'kg', 'fer.ci/pesage/reglement', false, '12 t dans une autre table', '2005-12-16'),
    ('SN', 'tandem', NULL, 16000, 'kg', 'UEMOA 14/2005', false, '16 à 20 t selon l''écartement', '2005-12-16'),
    ('SN', 'tridem', NULL, 21000, 'kg', 'UEMOA 14/2005', false, '21 à 25 t selon l''écartement', '2005-12-16'),
    ('SN', 'width', NULL, 2.55, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'width_refrigerated', NULL, 2.6, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'height', NULL, 4, 'm', 'UEMOA 14/2005', true, '4,50 m tolérés par circulaire', '2005-12-16'),
    ('SN', 'length', 'RIGID_2', 12, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'RIGID_3', 12, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'RIGID_4', 12, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'ARTICULATED_3', 16.5, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'ARTICULATED_4', 16.5, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'ARTICULATED_5', 16.5, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'ARTICULATED_6', 16.5, 'm', 'UEMOA 14/2005', true, '', '2005-12-16'),
    ('SN', 'length', 'ROAD_TRAIN_4', 18.75, 'm', 'UEMOA 14/2005', false, '22 m dans une source', '2005-12-16'),
    ('SN', 'length', 'ROAD_TRAIN_5', 18.75, 'm', 'UEMOA 14/2005', false, '22 m dans une source', '2005-12-16'),
    ('SN', 'length', 'ROAD_TRAIN_6', 18.75, 'm', 'UEMOA 14/2005', false, '22 m dans une source', '2005-12-16'),
    ('SN', 'tolerance', NULL, 15, '%', 'leconomistedufaso.com 2022-11-07', true, 'dont 5 % pour la bascule', '2023-04-01'),
    ('SN', 'fine_overload_national', NULL, 20000, 'XOF/t', 'malidirect.net, allafrica.com', true, '', '2005-12-16'),
    ('SN', 'fine_overload_international', NULL, 60000, 'XOF/t', 'malidirect.net, allafrica.com', true, '', '2005-12-16'),
    ('SN', 'fine_size', NULL, 100000, 'XOF', 'malidirect.net, allafrica.com', true, '', '2005-12-16'),
    ('SN', 'fine_loading_site', NULL, 200000, 'XOF', 'malidirect.net, allafrica.com', true, 'par véhicule', '2005-12-16'),
    ('SN', 'waybill_from', NULL, 7000, 'kg', 'memoireonline.com/03/22/12795', true, '', '2005-12-16');
