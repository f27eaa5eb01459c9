DROP TABLE fleet_document_reminders, fleet_documents, fleet_document_kinds;
ALTER TABLE vehicles
    DROP COLUMN type_code, DROP COLUMN volume_m3, DROP COLUMN tare_kg, DROP COLUMN ptac_kg,
    DROP COLUMN axle_configuration, DROP COLUMN length_m, DROP COLUMN width_m, DROP COLUMN height_m,
    DROP COLUMN version;
DROP TABLE vehicle_types;
