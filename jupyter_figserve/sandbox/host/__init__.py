"""Parent side of the sandbox, in the server's event loop: processes, the pool, and validation of results."""
