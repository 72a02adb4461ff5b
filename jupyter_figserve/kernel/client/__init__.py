"""The kernel's HTTP client, and how it finds its server."""
