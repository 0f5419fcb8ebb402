"""The database: engine, tables, queries by noun, migrations."""
