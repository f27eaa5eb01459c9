DROP TABLE order_history, bids, orders;
DROP TABLE device_acks, ingest_totals, crossings, visits, dirty_vehicles, vehicle_snapshots, vehicle_states;
DROP TABLE rejected_pings, pings, geofences, geofence_version;
DROP FUNCTION bump_geofence_version();
DROP TABLE mqtt_credentials, device_assignments, devices, vehicles, refresh_tokens, users;
