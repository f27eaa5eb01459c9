-- Ownership -----------------------------------------------------------------------
-- A business keeps the key of the account that founded it. Handed over, a row of role 'owner' says whose it is
-- now, and its founder has a row of his own: as a member of it, as 'former', or of another business.
ALTER TABLE organisation_members DROP CONSTRAINT organisation_members_check;
ALTER TABLE organisation_members DROP CONSTRAINT organisation_members_role_check;
ALTER TABLE organisation_members
    ADD CONSTRAINT organisation_members_role_check CHECK (role IN ('owner', 'manager', 'member', 'viewer', 'former')),
    ADD CONSTRAINT organisation_members_founder_check CHECK (user_id <> owner_id OR role <> 'owner'),
    ADD CONSTRAINT organisation_members_former_check CHECK (user_id = owner_id OR role <> 'former');
CREATE UNIQUE INDEX organisation_members_one_owner ON organisation_members (owner_id) WHERE role = 'owner';

-- Looked at when all is written: a founder's own row says that somebody else owns the business, so there is one.
CREATE FUNCTION check_business_has_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    business uuid;
BEGIN
    FOREACH business IN ARRAY ARRAY[
        CASE WHEN TG_OP <> 'DELETE' THEN NEW.owner_id END, CASE WHEN TG_OP <> 'INSERT' THEN OLD.owner_id END,
        CASE WHEN TG_OP <> 'INSERT' THEN OLD.user_id END
    ] LOOP
        IF EXISTS (SELECT FROM organisation_members WHERE user_id = business AND owner_id = business)
            AND NOT EXISTS (SELECT FROM organisation_members WHERE owner_id = business AND role = 'owner') THEN
            RAISE EXCEPTION 'business % has no owner', business;
        END IF;
        IF EXISTS (SELECT FROM organisation_members WHERE owner_id = business AND role = 'owner')
            AND NOT EXISTS (SELECT FROM organisation_members WHERE user_id = business) THEN
            RAISE EXCEPTION 'business % has two owners', business;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER business_has_owner AFTER INSERT OR UPDATE OR DELETE ON organisation_members
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_business_has_owner();

CREATE TABLE ownership_offers (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- the business, by the account that founded it
    owner_id        uuid NOT NULL REFERENCES users (id),
    from_user       uuid NOT NULL REFERENCES users (id),
    to_user         uuid NOT NULL REFERENCES users (id),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'declined', 'withdrawn', 'expired')),
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    answered_at     timestamptz,
    CHECK (from_user <> to_user),
    CHECK ((state = 'open') = (answered_at IS NULL))
);
CREATE UNIQUE INDEX ownership_offers_one_open ON ownership_offers (owner_id) WHERE state = 'open';
CREATE INDEX ownership_offers_owner ON ownership_offers (owner_id, created_at DESC, id DESC);
CREATE INDEX ownership_offers_to ON ownership_offers (to_user, created_at DESC, id DESC);
CREATE INDEX ownership_offers_expiring ON ownership_offers (expires_at) WHERE state = 'open';
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ownership_offers FOR EACH ROW
    WHEN (nullif(current_setting('mess.audit', true), '') IS NOT NULL) EXECUTE FUNCTION audit_change('id');

-- A text message may be a code that opens an account or proves a delivery: not for who reads the log --------
CREATE OR REPLACE FUNCTION audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := current_setting('mess.audit', true)::jsonb;
    secrets text[] := ARRAY['password_hash', 'secret', 'key_hash', 'token_hash', 'code_hash', 'code_hmac', 'salt', 'token']
        || CASE WHEN TG_TABLE_NAME = 'sms_messages' THEN ARRAY['text'] ELSE '{}' END;
    was jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) - secrets END;
    now_is jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) - secrets END;
    key jsonb;
BEGIN
    SELECT jsonb_object_agg(name, coalesce(now_is, was) -> name) INTO key FROM unnest(TG_ARGV) AS name;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, now_is -> o.key) INTO was, now_is
        FROM jsonb_each(was) AS o WHERE o.value IS DISTINCT FROM now_is -> o.key;
    END IF;
    INSERT INTO audit_log (actor_id, acting_as, channel, request_id, action, table_name, row_key, before, after)
    VALUES (
        (context ->> 'actor_id')::uuid, (context ->> 'acting_as')::uuid, context ->> 'channel',
        context ->> 'request_id', lower(TG_OP), TG_TABLE_NAME, key, was, now_is
    );
    RETURN NULL;
END
$$;
UPDATE audit_log SET before = before - 'text', after = after - 'text' WHERE table_name = 'sms_messages';
