DROP TABLE alert_rules;
ALTER TABLE geofences DROP COLUMN version, DROP COLUMN replaces_id, DROP COLUMN group_id;
DROP TABLE geofence_groups;
DROP TABLE alerts;
