DROP TABLE kyc_events;
DROP TABLE kyc_pages;
DROP TABLE kyc_documents;
DROP TABLE profiles;
ALTER TABLE order_history DROP COLUMN party_id;
DROP TABLE invitations;
DROP TABLE organisation_members;
