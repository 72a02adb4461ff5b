"""HTTP of sessions and their plots."""
