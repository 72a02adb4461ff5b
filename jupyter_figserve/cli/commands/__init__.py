"""The commands of ``jupyter figserve``."""
