-- Organisations ---------------------------------------------------------------
-- A business is its owner's account; these people act for it. A user is a member of at most one.
CREATE TABLE organisation_members (
    user_id         uuid PRIMARY KEY REFERENCES users (id),
    owner_id        uuid NOT NULL REFERENCES users (id),
    role            text NOT NULL CHECK (role IN ('manager', 'member', 'viewer')),
    joined_at       timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK (user_id <> owner_id)
);
CREATE INDEX organisation_members_owner ON organisation_members (owner_id, joined_at, user_id);

CREATE TABLE invitations (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id        uuid NOT NULL REFERENCES users (id),
    -- E.164; whoever has this number may answer
    phone           text NOT NULL,
    -- what he would be; 'driver' = drives for the carrier
    joins_as        text NOT NULL CHECK (joins_as IN ('manager', 'member', 'viewer', 'driver')),
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'declined', 'revoked', 'expired')),
    invited_by      uuid NOT NULL REFERENCES users (id),
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    answered_at     timestamptz,
    CHECK ((state = 'open') = (answered_at IS NULL))
);
CREATE UNIQUE INDEX invitations_one_open ON invitations (owner_id, phone) WHERE state = 'open';
CREATE INDEX invitations_owner ON invitations (owner_id, created_at DESC, id DESC);
CREATE INDEX invitations_phone ON invitations (phone, created_at DESC, id DESC);
CREATE INDEX invitations_expiring ON invitations (expires_at) WHERE state = 'open';
CREATE INDEX invitations_answered ON invitations (answered_at) WHERE state <> 'open';

-- For whom a person acted: what a colleague did is the business's own.
ALTER TABLE order_history ADD COLUMN party_id uuid REFERENCES users (id);
UPDATE order_history SET party_id = actor_id WHERE actor_id IS NOT NULL;

-- Profiles --------------------------------------------------------------------
-- What people say of themselves; the row comes with the first change. The lower half is of a business's owner alone.
CREATE TABLE profiles (
    user_id         uuid PRIMARY KEY REFERENCES users (id),
    language        text CHECK (language IN ('fr', 'en')),
    email           text,
    address         text NOT NULL DEFAULT '',
    company_name    text NOT NULL DEFAULT '',
    ninea           text,
    rccm            text,
    -- ISO 3166-2
    region          text CHECK (region ~ '^SN-[A-Z]{2}$'),
    version         integer NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL
);

-- Know your customer ------------------------------------------------------------
CREATE TABLE kyc_documents (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    party_id        uuid NOT NULL REFERENCES users (id),
    kind            text NOT NULL CHECK (kind IN ('identity_card', 'passport', 'ninea', 'rccm', 'tax_clearance',
        'transport_approval', 'transport_licence', 'bank_details')),
    number          text NOT NULL,
    -- the last day on which it is valid; NULL = it does not expire
    expires_on      date,
    state           text NOT NULL DEFAULT 'submitted' CHECK (state IN ('submitted', 'approved', 'rejected', 'replaced')),
    submitted_by    uuid NOT NULL REFERENCES users (id),
    submitted_at    timestamptz NOT NULL,
    -- the administrator who looks at it, until then
    claimed_by      uuid REFERENCES users (id),
    claimed_until   timestamptz,
    decided_by      uuid REFERENCES users (id),
    decided_at      timestamptz,
    -- why it was rejected, for its sender
    reason          text NOT NULL DEFAULT '',
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CHECK (state <> 'rejected' OR reason <> '')
);
CREATE UNIQUE INDEX kyc_documents_one_open ON kyc_documents (party_id, kind) WHERE state = 'submitted';
CREATE UNIQUE INDEX kyc_documents_one_approved ON kyc_documents (party_id, kind) WHERE state = 'approved';
CREATE INDEX kyc_documents_party ON kyc_documents (party_id, submitted_at DESC, id DESC);
CREATE INDEX kyc_documents_queue ON kyc_documents (submitted_at, id) WHERE state = 'submitted';

CREATE TABLE kyc_pages (
    document_id     uuid NOT NULL REFERENCES kyc_documents (id) ON DELETE CASCADE,
    page            integer NOT NULL CHECK (page >= 1),
    file_id         uuid NOT NULL REFERENCES files (id),
    PRIMARY KEY (document_id, page)
);
CREATE INDEX kyc_pages_file ON kyc_pages (file_id);

CREATE TABLE kyc_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id     uuid NOT NULL REFERENCES kyc_documents (id) ON DELETE CASCADE,
    action          text NOT NULL CHECK (action IN ('submitted', 'claimed', 'released', 'approved', 'rejected', 'replaced')),
    -- NULL = the platform by itself
    actor_id        uuid REFERENCES users (id),
    at              timestamptz NOT NULL,
    reason          text NOT NULL DEFAULT ''
);
CREATE INDEX kyc_events_document ON kyc_events (document_id, id);
