ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_family_fkey;
ALTER TABLE refresh_tokens ADD COLUMN revoked_at timestamptz;
UPDATE refresh_tokens t SET revoked_at = s.revoked_at FROM sign_in_sessions s WHERE s.id = t.family;
DROP TABLE sign_in_sessions;
DROP TABLE one_time_codes;
DROP TABLE registrations;
DROP TABLE lockouts;
DROP TABLE rate_limits;
DROP TABLE sms_messages;
