"""The full text of tickets, each database's own: FTS5 on SQLite, GIN over tsvector on PostgreSQL."""
