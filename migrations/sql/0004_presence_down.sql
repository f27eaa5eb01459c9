DROP TABLE command_results;
DROP TABLE command_steps;
DROP TABLE device_commands;
DROP TABLE presence_changes;
DROP TRIGGER devices_presence ON devices;
DROP FUNCTION add_device_presence();
DROP TABLE device_presence;
