-- A business that was handed over goes back to its founder: the columns of before know no other owner.
DROP TABLE ownership_offers;
DROP TRIGGER business_has_owner ON organisation_members;
DROP FUNCTION check_business_has_owner();
DROP INDEX organisation_members_one_owner;
DELETE FROM organisation_members WHERE user_id = owner_id;
UPDATE organisation_members SET role = 'manager' WHERE role = 'owner';
ALTER TABLE organisation_members
    DROP CONSTRAINT organisation_members_former_check,
    DROP CONSTRAINT organisation_members_founder_check,
    DROP CONSTRAINT organisation_members_role_check;
ALTER TABLE organisation_members
    ADD CONSTRAINT organisation_members_role_check CHECK (role IN ('manager', 'member', 'viewer')),
    ADD CONSTRAINT organisation_members_check CHECK (user_id <> owner_id);

CREATE OR REPLACE FUNCTION audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    context jsonb := current_setting('mess.audit', true)::jsonb;
    secrets text[] := ARRAY['password_hash', 'secret', 'key_hash', 'token_hash', 'code_hash', 'salt', 'token'];
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
