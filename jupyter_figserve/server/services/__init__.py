"""State and rules of the server; no HTTP. A service takes what it uses, never the application context."""
