-- Files ----------------------------------------------------------------------
-- Content lies in MESS_FILES_DIR under its sha256; a row says whose it is.
CREATE TABLE files (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- for whom the uploader acts: an organisation's owner, or himself
    party_id        uuid NOT NULL REFERENCES users (id),
    uploaded_by     uuid NOT NULL REFERENCES users (id),
    -- hex
    sha256          text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    media_type      text NOT NULL,
    size_bytes      integer NOT NULL CHECK (size_bytes > 0),
    name            text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- when something first referred to it; never used ones are swept away
    used_at         timestamptz
);
CREATE INDEX files_party ON files (party_id, created_at);
CREATE INDEX files_sha256 ON files (sha256);
CREATE INDEX files_unused ON files (created_at) WHERE used_at IS NULL;

-- Idempotency keys --------------------------------------------------------------
CREATE TABLE idempotency_keys (
    user_id         uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key             text NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    -- hex sha256 of method, path and body
    fingerprint     text NOT NULL,
    answer          jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
