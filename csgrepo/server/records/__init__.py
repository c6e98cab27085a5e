"""The database: one SQLite file, and the steps of its schema."""
