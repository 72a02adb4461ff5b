"""Opening, cleaning, rebuilding and diagnosing a data directory."""
