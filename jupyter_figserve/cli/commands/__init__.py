"""One module a command of ``jupyter figserve``."""
