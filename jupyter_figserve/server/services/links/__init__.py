"""Links resolved to their targets, and their view counts."""
