-- A driver's own orders, and whether he is on a job when somebody looks for free trucks.
CREATE INDEX orders_driver ON orders (driver_id, created_at DESC, id) WHERE driver_id IS NOT NULL;
