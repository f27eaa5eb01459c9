DROP TABLE detention_claims;
DROP TABLE order_detention;
DROP TABLE detention_terms;
DROP TABLE order_etas;
DROP TABLE route_events;
DROP TABLE planned_routes;
