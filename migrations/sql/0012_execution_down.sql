ALTER TABLE orders DROP COLUMN waybill_number;
DROP TABLE waybill_amendments;
DROP TABLE waybills;
DROP TABLE waybill_counters;
DROP TABLE delivery_codes;
DROP TABLE driver_action_files;
DROP TABLE driver_actions;
DROP TABLE order_crews;
