ALTER TABLE order_crews DROP COLUMN pickup_geofence_id;
