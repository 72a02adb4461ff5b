"""Events of the catalog and of sessions, forwarded to subscribers."""
