"""The plots of a session by path: published, captured, and files."""
