"""Who calls, how often, and what is signed or redacted."""
