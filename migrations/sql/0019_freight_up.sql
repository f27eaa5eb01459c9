-- Brokerage ---------------------------------------------------------------------------
-- A proposal whose order was given away, cancelled or left the market is over as bids and offers are.
ALTER TABLE brokerages
    DROP CONSTRAINT brokerages_status_check,
    ADD CONSTRAINT brokerages_status_check CHECK (status IN (
        'PROPOSED', 'AGREED', 'DECLINED', 'WITHDRAWN', 'EXPIRED', 'LOST'));

-- Search ------------------------------------------------------------------------------
-- Small letters without accents, as people type: "thies" is "Thiès", "oeufs" is "œufs".
CREATE FUNCTION plain_words(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(
    translate(lower(words), 'àáâãäåçèéêëìíîïñòóôõöùúûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy'), 'œ', 'oe'), 'æ', 'ae');

-- What is looked for by words has the names of the stops as well. They are copied to the order, as a generated
-- column reads its own row alone; the order's rows are rewritten once.
ALTER TABLE orders DROP COLUMN search, ADD COLUMN stop_names text NOT NULL DEFAULT '';
UPDATE orders SET stop_names = s.names
FROM (SELECT order_id, string_agg(name, E'\n' ORDER BY sequence) AS names FROM order_stops GROUP BY order_id) AS s
WHERE s.order_id = orders.id;
CREATE OR REPLACE FUNCTION search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('french'::regconfig, plain_words(words));
ALTER TABLE orders ADD COLUMN search tsvector GENERATED ALWAYS AS
    (search_words(goods || ' ' || pickup_name || ' ' || delivery_name || ' ' || stop_names)) STORED;
CREATE INDEX orders_open_words ON orders USING gin (search) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_words ON orders USING gin (search);
