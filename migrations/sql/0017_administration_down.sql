DROP FUNCTION audit_change() CASCADE;
DROP TABLE audit_log;
DROP TABLE impersonation_requests;
DROP TABLE impersonations;
DROP TABLE admin_sessions;
