DROP TABLE order_history, bids, orders;
DROP TABLE device_acks, ingest_totals, crossings, visits, dirty_vehicles, vehicle_snapshots, vehicle_states;
-- A hypertable can only be dropped on its own.
DROP TABLE pings;
DROP TABLE rejected_pings, geofences, geofence_version;
DROP FUNCTION bump_geofence_version();
DROP TABLE fleet_version, mqtt_credentials, device_assignments, devices, vehicles, refresh_tokens, users;
DROP FUNCTION bump_fleet_version();
