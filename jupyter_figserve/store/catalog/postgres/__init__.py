"""The catalog in PostgreSQL, for several servers: connections, timeouts, outages and notifications."""
