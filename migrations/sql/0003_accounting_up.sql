-- Accounts -----------------------------------------------------------------------
-- What each device sent on each day: days are UTC and those of the arrival, but for `gaps`, which are in device time.
-- The compactor folds `ingest_ledger` into it; the two together (view device_accounts) are exact at every moment.
CREATE TABLE device_days (
    -- 0 = of no device that is registered
    device_id       bigint NOT NULL,
    day             date NOT NULL,
    received        bigint NOT NULL DEFAULT 0,
    stored          bigint NOT NULL DEFAULT 0,
    duplicate       bigint NOT NULL DEFAULT 0,
    -- of the stored ones
    late            bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    -- {"reason": pings}
    rejected_by     jsonb NOT NULL DEFAULT '{}',
    -- arrival minus device time of the stored ones: their sum, and how many are in each bucket of telemetry.lateness
    lateness_ms     bigint NOT NULL DEFAULT 0,
    lateness        bigint[] NOT NULL DEFAULT '{}',
    -- silences that ended on this day
    gaps            integer NOT NULL DEFAULT 0,
    gaps_counted_at timestamptz,
    PRIMARY KEY (device_id, day),
    CHECK (received = stored + duplicate + rejected),
    CHECK (late <= stored)
) WITH (fillfactor = 70);
CREATE INDEX device_days_day ON device_days (day, device_id);

-- Append-only: what one batch did, in the batch's own transaction; a row for each day of arrival in it (nearly always one).
-- Three columns side by side, codes as in ingest.ledger. Rows go when they are folded into device_days.
CREATE TABLE ingest_ledger (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker          text NOT NULL,
    day             date NOT NULL,
    devices         bigint[] NOT NULL,
    codes           smallint[] NOT NULL,
    amounts         bigint[] NOT NULL,
    -- code 1000 + n = rejected for reasons[n + 1]
    reasons         text[] NOT NULL DEFAULT '{}',
    CHECK (cardinality(devices) = cardinality(codes) AND cardinality(codes) = cardinality(amounts))
);
-- A row lives for seconds: compressing it took five times as long as all else about it.
ALTER TABLE ingest_ledger ALTER devices SET STORAGE EXTERNAL, ALTER codes SET STORAGE EXTERNAL,
    ALTER amounts SET STORAGE EXTERNAL;

-- Days of device time whose silences are to be counted again
CREATE TABLE gap_days (
    device_id       bigint NOT NULL,
    day             date NOT NULL,
    due_at          timestamptz NOT NULL,
    PRIMARY KEY (device_id, day)
);
CREATE INDEX gap_days_due ON gap_days (due_at);

CREATE FUNCTION add_counts(bigint[], bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(coalesce(u.a, 0) + coalesce(u.b, 0) ORDER BY u.n), '{}')
    FROM unnest($1, $2) WITH ORDINALITY AS u (a, b, n)
$$;
CREATE AGGREGATE sum_counts(bigint[]) (SFUNC = add_counts, STYPE = bigint[], INITCOND = '{}');

CREATE FUNCTION add_reasons(jsonb, jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(s.key, s.n), '{}') FROM (
        SELECT e.key, sum(e.value::bigint) AS n
        FROM (SELECT * FROM jsonb_each_text($1) UNION ALL SELECT * FROM jsonb_each_text($2)) AS e
        GROUP BY e.key
    ) AS s
$$;
CREATE AGGREGATE sum_reasons(jsonb) (SFUNC = add_reasons, STYPE = jsonb, INITCOND = '{}');

CREATE FUNCTION count_in_bucket(counts bigint[], bucket integer, amount bigint) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF cardinality(counts) <= bucket THEN
        counts := counts || array_fill(0::bigint, ARRAY[bucket + 1 - cardinality(counts)]);
    END IF;
    counts[bucket + 1] := counts[bucket + 1] + amount;
    RETURN counts;
END
$$;
CREATE AGGREGATE histogram_of(integer, bigint) (SFUNC = count_in_bucket, STYPE = bigint[], INITCOND = '{}');

-- The upper bound of the bucket that holds the share: telemetry.lateness.quantile_ms in SQL
CREATE FUNCTION lateness_quantile_ms(counts bigint[], share double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(100 * 10.0::double precision ^ ((h.n - 1) / 25.0::double precision))::bigint
    FROM (
        SELECT u.n, sum(u.c) OVER (ORDER BY u.n) AS so_far, sum(u.c) OVER () AS total
        FROM unnest($1) WITH ORDINALITY AS u (c, n)
    ) AS h
    WHERE h.total > 0 AND h.so_far >= greatest(ceil($2 * h.total), 1) ORDER BY h.n LIMIT 1
$$;

CREATE VIEW ledger_entries AS
SELECT l.id, l.day, e.device_id, least(e.code, 1000::smallint) AS code, e.amount, l.reasons[e.code - 999] AS reason
FROM ingest_ledger l CROSS JOIN LATERAL unnest(l.devices, l.codes, l.amounts) AS e (device_id, code, amount);

-- What some rows of the ledger (NULL = all) come to
CREATE FUNCTION ledger_days(ids bigint[]) RETURNS TABLE (
    device_id bigint, day date, received bigint, stored bigint, duplicate bigint, late bigint, rejected bigint,
    rejected_by jsonb, lateness_ms bigint, lateness bigint[]
) LANGUAGE sql STABLE AS $$
    SELECT e.device_id, e.day,
        coalesce(sum(e.n) FILTER (WHERE e.code = 0), 0)::bigint,
        coalesce(sum(e.n) FILTER (WHERE e.code = 1), 0)::bigint,
        coalesce(sum(e.n) FILTER (WHERE e.code = 2), 0)::bigint,
        coalesce(sum(e.n) FILTER (WHERE e.code = 3), 0)::bigint,
        coalesce(sum(e.n) FILTER (WHERE e.code = 1000), 0)::bigint,
        coalesce(jsonb_object_agg(e.reason, e.n) FILTER (WHERE e.code = 1000), '{}'),
        coalesce(sum(e.n) FILTER (WHERE e.code = 4), 0)::bigint,
        coalesce(histogram_of(e.code - 100, e.n) FILTER (WHERE e.code BETWEEN 100 AND 999), '{}')
    FROM (
        SELECT r.device_id, r.day, r.code, r.reason, sum(r.amount)::bigint AS n FROM ledger_entries AS r
        WHERE ($1 IS NULL OR r.id = ANY ($1)) AND r.code <> 5 GROUP BY r.device_id, r.day, r.code, r.reason
    ) AS e GROUP BY e.device_id, e.day
$$;

CREATE VIEW device_accounts AS
SELECT device_id, day, sum(received)::bigint AS received, sum(stored)::bigint AS stored,
    sum(duplicate)::bigint AS duplicate, sum(late)::bigint AS late, sum(rejected)::bigint AS rejected,
    sum_reasons(rejected_by) AS rejected_by, sum(lateness_ms)::bigint AS lateness_ms,
    sum_counts(lateness) AS lateness, sum(gaps)::integer AS gaps, max(gaps_counted_at) AS gaps_counted_at
FROM (
    SELECT * FROM device_days
    UNION ALL
    SELECT l.device_id, l.day, l.received, l.stored, l.duplicate, l.late, l.rejected, l.rejected_by,
        l.lateness_ms, l.lateness, 0, NULL FROM ledger_days(NULL) AS l
) AS booked GROUP BY device_id, day;

-- How many silences longer than `longest` ended on a day of device time. Planned anew each time, for a hypertable's sake:
-- with its bounds known, a plan has the day's chunks only. Hence the first look at one day, too.
CREATE FUNCTION count_gaps(device bigint, day date, longest interval) RETURNS integer
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    since timestamptz := day::timestamp AT TIME ZONE 'UTC';
    before timestamptz;
    found_gaps integer;
BEGIN
    SELECT p.time INTO before FROM pings AS p WHERE p.device_id = device
        AND p.time >= since - interval '1 day' AND p.time < since ORDER BY p.time DESC LIMIT 1;
    IF before IS NULL THEN
        SELECT p.time INTO before FROM pings AS p WHERE p.device_id = device AND p.time < since
            ORDER BY p.time DESC LIMIT 1;
    END IF;
    SELECT count(*) INTO found_gaps FROM (
        SELECT p.time - lag(p.time, 1, before) OVER (ORDER BY p.time) AS silence FROM pings AS p
        WHERE p.device_id = device AND p.time >= since AND p.time < since + interval '1 day'
    ) AS s WHERE s.silence > longest;
    RETURN found_gaps;
END
$$;

-- The day of the device's first ping after a day: that ping ends the last silence of it. NULL = none came yet.
CREATE FUNCTION next_ping_day(device bigint, day date) RETURNS date
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    since timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    after timestamptz;
BEGIN
    SELECT p.time INTO after FROM pings AS p WHERE p.device_id = device
        AND p.time >= since AND p.time < since + interval '1 day' ORDER BY p.time LIMIT 1;
    IF after IS NULL THEN
        SELECT p.time INTO after FROM pings AS p WHERE p.device_id = device AND p.time >= since
            ORDER BY p.time LIMIT 1;
    END IF;
    RETURN (after AT TIME ZONE 'UTC')::date;
END
$$;

-- Dead letters -----------------------------------------------------------------------
-- A message of which something was refused, once, however many of its pings. It can be played again.
CREATE TABLE dead_letters (
    id              bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    received_at     timestamptz NOT NULL,
    topic           text NOT NULL,
    -- 0 = no device that was registered when it came
    device_id       bigint NOT NULL,
    -- the name in topic or body, whoever wrote it there
    device_uid      text,
    payload         bytea NOT NULL,
    -- of the message; more than kept_bytes = only its beginning is kept
    payload_bytes   integer NOT NULL,
    kept_bytes      integer NOT NULL GENERATED ALWAYS AS (octet_length(payload)) STORED,
    worker          text NOT NULL,
    -- how often it was played again, when last, and what came of that: {"received": n, "stored": n, ...}
    tries           integer NOT NULL DEFAULT 0,
    tried_at        timestamptz,
    outcome         jsonb,
    -- when nothing of it was refused any more; NULL = it waits
    replayed_at     timestamptz,
    -- when somebody asked to have it played again; ingest takes it from there
    asked_at        timestamptz
);
CREATE INDEX dead_letters_time ON dead_letters (received_at, id) INCLUDE (kept_bytes, replayed_at);
CREATE INDEX dead_letters_device ON dead_letters (device_id, id) WHERE device_id <> 0;
CREATE INDEX dead_letters_uid ON dead_letters (device_uid, id);
CREATE INDEX dead_letters_asked ON dead_letters (asked_at) WHERE asked_at IS NOT NULL;

INSERT INTO dead_letters (received_at, topic, device_id, device_uid, payload, payload_bytes, worker)
SELECT r.received_at, r.topic, CASE WHEN bool_or(r.reason = 'unknown_device') THEN 0 ELSE coalesce(max(d.id), 0) END,
    r.device_uid, r.payload, r.payload_bytes, r.worker
FROM rejected_pings r LEFT JOIN devices d ON d.uid = r.device_uid
GROUP BY r.received_at, r.topic, r.device_uid, r.payload, r.payload_bytes, r.worker ORDER BY min(r.id);
ALTER TABLE rejected_pings
    ADD COLUMN letter_id bigint REFERENCES dead_letters (id) ON DELETE CASCADE,
    ALTER COLUMN payload DROP NOT NULL;
UPDATE rejected_pings r SET letter_id = l.id, payload = NULL FROM dead_letters l
WHERE (l.received_at, l.topic, l.payload, l.payload_bytes, l.worker)
    = (r.received_at, r.topic, r.payload, r.payload_bytes, r.worker)
    AND l.device_uid IS NOT DISTINCT FROM r.device_uid;
ALTER TABLE rejected_pings ALTER COLUMN letter_id SET NOT NULL;
CREATE INDEX rejected_pings_letter ON rejected_pings (letter_id);
CREATE INDEX rejected_pings_reason ON rejected_pings (reason, letter_id);
DROP INDEX rejected_pings_time;
DROP INDEX rejected_pings_device;

-- Workers of the version before go on writing payloads here until they are restarted.
CREATE FUNCTION keep_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead_letters (received_at, topic, device_id, device_uid, payload, payload_bytes, worker)
    SELECT NEW.received_at, NEW.topic, coalesce(max(d.id), 0), NEW.device_uid, NEW.payload, NEW.payload_bytes,
        NEW.worker FROM devices d WHERE d.uid = NEW.device_uid AND NEW.reason <> 'unknown_device'
    RETURNING id INTO NEW.letter_id;
    NEW.payload := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER rejected_pings_letter BEFORE INSERT ON rejected_pings
    FOR EACH ROW WHEN (NEW.letter_id IS NULL) EXECUTE FUNCTION keep_letter();
