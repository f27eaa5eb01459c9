CREATE OR REPLACE VIEW phone_windows AS
SELECT d.id AS device_id, d.uid, w.opens_at, w.closes_at
FROM devices d
LEFT JOIN LATERAL (
    SELECT o.assigned_at AS opens_at, LEAST(o.delivered_at, o.completed_at, o.cancelled_at) AS closes_at
    FROM orders o WHERE o.driver_id = d.user_id AND o.assigned_at IS NOT NULL
    UNION ALL
    SELECT p.started_at, LEAST(p.ended_at, p.closes_at) FROM duty_periods p WHERE p.user_id = d.user_id
) AS w ON true
WHERE d.kind = 'phone' AND (d.user_id IS NOT NULL
    OR (d.disabled AND EXISTS (SELECT FROM phone_owners h WHERE h.device_id = d.id)));
ALTER TABLE orders DROP COLUMN waybill_number;
DROP TABLE waybill_amendments;
DROP TABLE waybills;
DROP TABLE waybill_counters;
DROP TABLE delivery_codes;
DROP TABLE driver_action_files;
DROP TABLE driver_actions;
DROP TABLE order_crews;
