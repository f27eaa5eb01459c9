ALTER TABLE orders DROP COLUMN search, DROP COLUMN stop_names;
CREATE OR REPLACE FUNCTION search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('french'::regconfig, translate(lower(words), 'àâäéèêëîïôöùûüçñ', 'aaaeeeeiioouuucn'));
DROP FUNCTION plain_words(text);
ALTER TABLE orders ADD COLUMN search tsvector GENERATED ALWAYS AS
    (search_words(goods || ' ' || pickup_name || ' ' || delivery_name)) STORED;
CREATE INDEX orders_open_words ON orders USING gin (search) WHERE status IN ('POSTED', 'BIDDING');
CREATE INDEX orders_words ON orders USING gin (search);
UPDATE brokerages SET status = 'EXPIRED' WHERE status = 'LOST';
ALTER TABLE brokerages
    DROP CONSTRAINT brokerages_status_check,
    ADD CONSTRAINT brokerages_status_check CHECK (status IN (
        'PROPOSED', 'AGREED', 'DECLINED', 'WITHDRAWN', 'EXPIRED'));
