ALTER TABLE order_crews ADD COLUMN pickup_geofence_id bigint REFERENCES geofences (id);
-- A crew's truck got its fences at the moment it was put on; a driver who took over on it kept them.
UPDATE order_crews c SET pickup_geofence_id = (
    SELECT g.id FROM orders o
    JOIN geofences g ON g.vehicle_id = c.vehicle_id AND g.owner_id = o.shipper_id AND g.name = o.pickup_name
     AND g.shape = o.pickup_shape
    WHERE o.id = c.order_id AND g.valid_from = (
        SELECT min(same.since) FROM order_crews same
        WHERE same.order_id = c.order_id AND same.vehicle_id = c.vehicle_id AND same.id <= c.id
          AND same.id > coalesce((
              SELECT max(other.id) FROM order_crews other
              WHERE other.order_id = c.order_id AND other.vehicle_id <> c.vehicle_id AND other.id < c.id), 0))
    ORDER BY g.id LIMIT 1);
CREATE INDEX order_crews_fence ON order_crews (pickup_geofence_id);
