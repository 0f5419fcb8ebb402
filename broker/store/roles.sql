-- PostgreSQL: the role that the product runs as. It may add to the book of record and to the other
-- append-only tables, and never change or remove what is there. Run as the owner of the database,
-- after each upgrade of the schema; the owner's own login is for upgrades only.

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tonnage_app') THEN
    CREATE ROLE tonnage_app NOLOGIN;
  END IF;
END $$;

GRANT USAGE ON SCHEMA public TO tonnage_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tonnage_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tonnage_app;

REVOKE UPDATE, DELETE, TRUNCATE ON event, alert_event, assumption, price_sighting, offer_change,
  capacity_transfer, capacity_event, audit, demand_forecast, model_profile
  FROM tonnage_app;
