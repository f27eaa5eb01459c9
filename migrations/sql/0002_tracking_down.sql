DROP INDEX orders_driver;
