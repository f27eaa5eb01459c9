DROP TABLE detention_claims;
DROP TABLE order_detention;
DROP TABLE detention_terms;
DROP TABLE order_etas;
DROP INDEX interval_changes_stops;
DROP TABLE route_checks;
DROP TABLE route_events;
DROP TABLE planned_routes;
