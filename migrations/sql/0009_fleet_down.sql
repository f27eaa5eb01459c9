DROP TABLE legal_limits;
ALTER TABLE vehicle_states DROP COLUMN cell;
DROP TABLE vehicle_unavailabilities;
DROP TABLE device_pairing_codes;
DROP TRIGGER devices_revoked ON devices;
DROP TRIGGER mqtt_credentials_deleted ON mqtt_credentials;
DROP TRIGGER mqtt_credentials_revoked ON mqtt_credentials;
DROP FUNCTION device_revoked();
DROP FUNCTION credential_revoked();
DROP FUNCTION revoke_mqtt(text);
DROP TABLE mqtt_revocations;
DROP TABLE fleet_document_reminders, fleet_documents, fleet_document_kinds;
ALTER TABLE vehicles
    DROP COLUMN type_code, DROP COLUMN volume_m3, DROP COLUMN tare_kg, DROP COLUMN ptac_kg,
    DROP COLUMN axle_configuration, DROP COLUMN length_m, DROP COLUMN width_m, DROP COLUMN height_m,
    DROP COLUMN version;
DROP TABLE vehicle_types;
