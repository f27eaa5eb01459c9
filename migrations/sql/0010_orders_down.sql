DROP TABLE tracking_links, order_withdrawals, order_fees, schedule_occurrences, order_schedules, order_templates,
    order_documents, order_stops;
DROP TRIGGER bids_order_created_at ON bids;
DROP FUNCTION copy_order_created_at();
ALTER TABLE bids DROP COLUMN order_created_at;
DROP INDEX orders_contacts_kept, orders_open_place, orders_open_words, orders_expiring, orders_all,
    orders_words, orders_shipper_status, orders_status;
ALTER TABLE orders
    DROP COLUMN search, DROP COLUMN cancel_reason, DROP COLUMN expires_at, DROP COLUMN posted_at,
    DROP COLUMN target_shown, DROP COLUMN target_xof, DROP COLUMN instructions,
    DROP COLUMN contacts_forgotten_at, DROP COLUMN delivery_contact_phone, DROP COLUMN delivery_contact_name,
    DROP COLUMN pickup_contact_phone, DROP COLUMN pickup_contact_name,
    DROP COLUMN delivery_closes_at, DROP COLUMN delivery_opens_at,
    DROP COLUMN pickup_closes_at, DROP COLUMN pickup_opens_at, DROP COLUMN vehicle_type,
    DROP COLUMN un_number, DROP COLUMN temperature_max_c, DROP COLUMN temperature_min_c, DROP COLUMN needs,
    DROP COLUMN value_xof, DROP COLUMN volume_m3, DROP COLUMN packages, DROP COLUMN packaging, DROP COLUMN category,
    DROP COLUMN version, DROP COLUMN reference;
DROP FUNCTION distance_km(double precision, double precision, double precision, double precision);
DROP FUNCTION search_words(text);
DROP FUNCTION new_order_reference();
